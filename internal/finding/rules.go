package finding

import "slices"

// Rule is one kind of finding. The table of rules is what the documentation, naru check and events are printed from.
type Rule struct {
	Code Code `json:"code"`
	// Reason is one CamelCase word, used as the reason of events and conditions.
	Reason   string   `json:"reason"`
	Severity Severity `json:"severity"`
	// Title says in one line what is wrong; Effect what that does to traffic; Mend how to set it right.
	Title  string `json:"title"`
	Effect string `json:"effect"`
	Mend   string `json:"mend"`
}

// Lookup returns the rule with the given code.
func Lookup(code Code) (Rule, bool) {
	i, ok := slices.BinarySearchFunc(rules, code, func(r Rule, c Code) int {
		switch {
		case r.Code < c:
			return -1
		case r.Code > c:
			return 1
		}
		return 0
	})
	if !ok {
		return Rule{}, false
	}
	return rules[i], true
}

// Rules returns all rules in order of their codes.
func Rules() []Rule { return slices.Clone(rules) }

// The codes of all rules. The first digit is the family: 0 input, 1 annotations and values, 2 references, 3 health,
// 4 addresses, 5 announcement and network, 7 traffic behaviour.
const (
	NotYAML      Code = "NR0101"
	Indentation  Code = "NR0102"
	DuplicateKey Code = "NR0103"
	Tab          Code = "NR0104"
	UnknownField Code = "NR0105"
	WrongLevel   Code = "NR0106"
	UnknownKind  Code = "NR0107"
	RemovedAPI   Code = "NR0108"
	WrongType    Code = "NR0109"
	Unreadable   Code = "NR0110"
	DuplicateObj Code = "NR0111"
	BadObject    Code = "NR0112"
	LastGoodKept Code = "NR0113"

	AnnotationUnknown     Code = "NR1101"
	AnnotationInvalid     Code = "NR1102"
	CurlyQuotes           Code = "NR1103"
	NotAString            Code = "NR1104"
	AnnotationConflict    Code = "NR1105"
	AnnotationCoerced     Code = "NR1106"
	AnnotationIgnored     Code = "NR1201"
	MisplacedAnnotation   Code = "NR1202"
	AnnotationUnsupported Code = "NR1203"
	AnnotationDeprecated  Code = "NR1204"
	FieldIgnored          Code = "NR1301"
	FieldInvalid          Code = "NR1302"
	FieldUnsupported      Code = "NR1303"

	PortNotFound      Code = "NR2102"
	NoPodsMatch       Code = "NR2107"
	TargetPortNotOpen Code = "NR2108"
	NoEndpoints       Code = "NR2111"

	ProbeMismatch       Code = "NR3101"
	ProbeDoubtful       Code = "NR3102"
	AllTargetsUnhealthy Code = "NR3103"
	ProbeStatusCode     Code = "NR3104"
	FailedOpen          Code = "NR3105"
	TargetUnhealthy     Code = "NR3107"

	NamedIPNotFound    Code = "NR4101"
	NoFreeAddress      Code = "NR4102"
	AddressInUse       Code = "NR4103"
	PoolOverlap        Code = "NR4104"
	NotOurClass        Code = "NR4105"
	NoPool             Code = "NR4106"
	AddressUnavailable Code = "NR4107"
	PoolInvalid        Code = "NR4108"
	NamedIPElsewhere   Code = "NR4109"
	PortConflict       Code = "NR4110"
	StateFileBroken    Code = "NR4111"
	AddressChanged     Code = "NR4112"
	SharingRefused     Code = "NR4113"
	StateNotWritten    Code = "NR4114"

	PortTaken     Code = "NR5204"
	PortMapped    Code = "NR5205"
	AddressMapped Code = "NR5206"
	NotBound      Code = "NR5207"

	UnevenByNode  Code = "NR7101"
	AddressHidden Code = "NR7103"
)

var rules = []Rule{
	{NotYAML, "NotYAML", Error, "the text is not YAML", "The document is not applied.", "Mend the line that is shown."},
	{Indentation, "Indentation", Error, "a line is indented so that it belongs to something else", "The document is not applied.", "Align the keys of one list item or mapping in one column."},
	{DuplicateKey, "DuplicateKey", Error, "a key is given twice in one mapping", "The document is not applied: which of the two was meant cannot be known.", "Remove one of the two."},
	{Tab, "Tab", Error, "a tab is used for indentation", "The document is not applied: YAML indents with spaces.", "Replace each tab by spaces."},
	{UnknownField, "UnknownField", Error, "a field does not exist in this kind of object", "The API server drops or refuses the field.", "Use the field's right name, or remove it."},
	{WrongLevel, "WrongLevel", Error, "a field stands at the wrong level of the object", "The API server drops or refuses the field.", "Move the field to where it belongs."},
	{UnknownKind, "UnknownKind", Note, "a kind of object that Naru does not read", "None: the object is left alone.", "Nothing to mend."},
	{RemovedAPI, "RemovedAPI", Error, "an API version that Kubernetes no longer serves", "The API server refuses the object.", "Use the version that is named."},
	{WrongType, "WrongType", Error, "a value has the wrong type", "The API server refuses the object.", "Write the value as the type that is named."},
	{Unreadable, "Unreadable", Error, "a file cannot be read", "Nothing in it is served.", "Make the file readable, or leave it out."},
	{DuplicateObj, "DuplicateObject", Error, "the same object stands in two places", "Only the first one is served.", "Remove one of the two."},
	{BadObject, "BadObject", Error, "an object lacks what every object needs", "The object is not applied.", "Add what is named."},
	{LastGoodKept, "LastGoodKept", Warning, "an earlier version of an object is served, because the newest cannot be read", "Traffic goes on as before the last change.", "Mend the document that is named."},

	{AnnotationUnknown, "AnnotationUnknown", Warning, "an annotation that nobody reads", "The annotation does nothing.", "Correct its name, or remove it."},
	{AnnotationInvalid, "AnnotationInvalid", Error, "an annotation's value cannot be used", "The change is refused: what was served before is served on.", "Give a value as described."},
	{CurlyQuotes, "CurlyQuotes", Error, "a value has typographic quotes, which are part of it", "The value is not what it looks like.", "Use the straight quotes of the keyboard."},
	{NotAString, "NotAString", Error, "an annotation's or label's value is not a string", "The API server refuses the object.", "Put the value between quotes."},
	{AnnotationConflict, "AnnotationConflict", Warning, "two settings contradict each other", "One of them wins, as described.", "Remove the one that is not meant."},
	{AnnotationCoerced, "AnnotationCoerced", Warning, "a value is understood, but written in a way that others do not understand", "It works here; the cloud may read it differently.", "Write the value as shown."},
	{AnnotationIgnored, "AnnotationIgnored", Note, "an annotation that has no meaning outside its cloud", "None: everything else works.", "Nothing to mend."},
	{MisplacedAnnotation, "MisplacedAnnotation", Warning, "an annotation that does nothing in this place", "The annotation does nothing.", "Remove it, or set what it needs."},
	{AnnotationUnsupported, "AnnotationUnsupported", Error, "an annotation asks for something that Naru does not do", "The change is refused: leaving it out silently would be worse.", "Remove it, or do it in another way as described."},
	{AnnotationDeprecated, "AnnotationDeprecated", Note, "an annotation has a newer name", "It works.", "Use the newer name."},
	{FieldIgnored, "FieldIgnored", Note, "a field that has no effect here", "None.", "Nothing to mend."},
	{FieldInvalid, "FieldInvalid", Error, "a field's value cannot be used", "The change is refused: what was served before is served on.", "Give a value as described."},
	{FieldUnsupported, "FieldUnsupported", Error, "a field asks for something that Naru does not do", "The part that needs it is not served.", "Do it in another way as described."},

	{PortNotFound, "PortNotFound", Error, "a port name that none of the pods has", "The port has no targets: connections to it are refused.", "Name a port of the pods, or use its number."},
	{NoPodsMatch, "NoPodsMatch", Warning, "a selector that matches no pod", "There are no targets: connections are refused.", "Correct the selector or the labels of the pods."},
	{TargetPortNotOpen, "TargetPortNotOpen", Warning, "a target port that no container declares", "If nothing listens there, connections are refused.", "Correct the target port."},
	{NoEndpoints, "NoEndpoints", Warning, "a Service without a single endpoint", "There are no targets: connections are refused.", "Add pods that match the selector, or an EndpointSlice."},

	{ProbeMismatch, "ProbeMismatch", Error, "the probe speaks a protocol that the server does not", "The targets are never healthy, although the server runs.", "Probe with the protocol that the server speaks."},
	{ProbeDoubtful, "ProbeDoubtful", Warning, "a probe that may not fit the server", "If it does not fit, the targets are never healthy.", "Probe with the protocol that the server speaks."},
	{AllTargetsUnhealthy, "AllBackendsUnhealthy", Error, "every target of a group is unhealthy", "New connections are refused; running ones go on.", "See why the probes fail."},
	{ProbeStatusCode, "ProbeStatusCode", Warning, "the probe gets an HTTP status that does not count as healthy", "The target takes no new connections.", "Let the server answer the probe's path with 200, or probe another path."},
	{FailedOpen, "FailedOpen", Warning, "all targets fail a probe that nobody asked for, so it is not obeyed", "New connections go to all ready targets.", "Ask for a probe that fits the server."},
	{TargetUnhealthy, "TargetUnhealthy", Warning, "a target is unhealthy", "It takes no new connections; running ones go on.", "See why the probe fails."},

	{NamedIPNotFound, "NamedIPNotFound", Error, "a reserved address that does not exist", "The Service gets no address until it exists.", "Create the PublicIP, or correct the name."},
	{NoFreeAddress, "NoFreeAddress", Error, "no pool has a free address for this Service", "The Service gets no address.", "Enlarge a pool, or share an address."},
	{AddressInUse, "AddressInUse", Error, "the wanted address belongs to another Service", "The Service gets no address.", "Choose another address, or share it."},
	{PoolOverlap, "PoolOverlap", Error, "two pools hold the same addresses", "The later pool is not used.", "Make the ranges disjoint."},
	{NotOurClass, "NotOurClass", Note, "a Service of another load balancer", "None: it is left alone.", "Nothing to mend."},
	{NoPool, "NoPool", Error, "there is no pool for this Service", "The Service gets no address.", "Add an AddressPool."},
	{AddressUnavailable, "AddressUnavailable", Error, "the wanted address cannot be given", "The Service gets no address.", "Choose an address that a pool holds."},
	{PoolInvalid, "PoolInvalid", Error, "a pool cannot be used", "No address comes from it.", "Correct the range that is named."},
	{NamedIPElsewhere, "NamedIPElsewhere", Warning, "a reserved address was found in another resource group", "It is used, because its name is unique.", "Correct the resource group."},
	{PortConflict, "PortConflict", Error, "another Service already serves this port of the address", "The older Service keeps the port; this one does not get it.", "Use another port or another address."},
	{StateFileBroken, "StateFileBroken", Error, "the file of recorded addresses cannot be read", "Addresses are rebuilt from what the manifests say.", "See what is named; a copy of the file was kept."},
	{AddressChanged, "AddressChanged", Warning, "a Service could not keep its recorded address", "Clients that use the old address must change.", "Give the address back to its pool, or tell the clients."},
	{SharingRefused, "SharingRefused", Error, "an address cannot be shared as asked", "The Service gets no address.", "Give all Services that share an address the same key and different ports."},
	{StateNotWritten, "StateNotWritten", Error, "the addresses that Services have cannot be recorded", "Traffic goes on; after a restart Services may get other addresses.", "See what is named; Naru keeps trying."},

	{PortTaken, "PortTaken", Error, "another program listens on this port", "The port is not served until it is free; Naru keeps trying.", "Stop the other program, or use another port."},
	{PortMapped, "PortMapped", Warning, "this port needs root, so another one is served", "Clients must use the other port.", "Run with CAP_NET_BIND_SERVICE, or as root."},
	{AddressMapped, "AddressMapped", Warning, "the address is not one of this machine, so another one is served", "Clients must use the other address.", "Add the address to this machine as shown."},
	{NotBound, "NotBound", Error, "the system does not let a port be served", "The port is not served; Naru keeps trying.", "See what the system says."},

	{UnevenByNode, "UnevenByNode", Note, "pods get unequal shares, because nodes get equal ones", "A pod alone on its node does more work than others.", "Spread pods evenly, or use externalTrafficPolicy: Cluster."},
	{AddressHidden, "AddressHidden", Note, "pods see the relay's address instead of the client's", "Logs and filters of the pods see the relay.", "Ask for the PROXY protocol if the pods understand it."},
}
