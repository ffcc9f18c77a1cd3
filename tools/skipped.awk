# Reads what go test -v prints, package by package: of one that passes it prints the tests that were skipped, with their
# reasons, and its line; of one that fails everything.
/^ok[ \t]/ {
	print skipped $0
	all = skipped = ""
	next
}
{ all = all $0 "\n" }
/^=== / { reason = "" }
/^ +[a-zA-Z0-9_]+\.go:[0-9]+: / { reason = $0 "\n" }
/^ *--- SKIP/ { skipped = skipped $0 "\n" reason }
/^FAIL[ \t]/ {
	printf "%s", all
	all = skipped = ""
}
/^\?[ \t]/ { all = skipped = "" } # no test files
END { printf "%s", all }
