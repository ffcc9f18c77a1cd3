//go:build linux

package live

import (
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/naru-lb/naru/internal/explain"
)

// What the demo prints can be pasted: every command works, and shows what it is said to show.
func TestTheDemosCommandsWorkAsPrinted(t *testing.T) {
	n := start(t, "demo").ready()
	lines := regexp.MustCompile(`(?m)^  (\S.*?\S) +# (.*)$`).FindAllStringSubmatch(n.output.String(), -1)
	if len(lines) < 8 {
		t.Fatalf("it prints %d commands:\n%s", len(lines), n.output)
	}
	for _, line := range lines {
		command, shows := line[1], line[2]
		out, err := paste(t, command)
		if err != nil {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
		want := map[string]string{
			"curl": "pod ", "nc": "hello", "explain": "SERVING", "--kill": "web-1 is stopped", "status": "Needs you",
		}
		for part, text := range want {
			if strings.Contains(line[1], part) && !strings.Contains(string(out), text) {
				t.Errorf("%s (%s) does not say %q:\n%s", command, shows, text, out)
			}
		}
		if strings.Contains(shows, "PROXY") && !strings.Contains(string(out), "PROXY protocol v2") {
			t.Errorf("%s (%s) says %s", command, shows, out)
		}
	}
}

// paste runs a command as a shell does. Where there is no curl, what it does is done here.
func paste(t *testing.T, command string) ([]byte, error) {
	t.Helper()
	url, isCurl := strings.CutPrefix(command, "curl ")
	if !isCurl {
		return exec.Command("bash", "-c", command).CombinedOutput()
	}
	if _, err := exec.LookPath("curl"); err == nil {
		return exec.Command("bash", "-c", "curl -sS --fail --max-time 20 "+url).CombinedOutput()
	}
	client := http.Client{Timeout: 20 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

func TestTheDemosSharesAreThosePredicted(t *testing.T) {
	n := start(t, "demo").ready()
	for service, want := range map[string][]float64{
		"svc/web-local":   {50, 25, 25},
		"svc/web-cluster": {33.3, 33.3, 33.3},
	} {
		var d explain.Document
		n.askInto(&d, "explain", service, "--measure", "3000")
		m := d.Listeners[0].Measured
		if m == nil || m.Answered != 3000 || m.Failed > 0 || m.By != "name" || !m.AsPredicted {
			t.Fatalf("%s: measured %+v", service, m)
		}
		for i, target := range d.Listeners[0].Targets {
			got := 100 * float64(target.Measured) / 3000
			if math.Abs(got-want[i]) > 2 || math.Abs(100*target.Share-want[i]) > 0.2 {
				t.Errorf("%s: %s got %.1f %%, predicted %.1f %%, want %.1f %%", service, target.Name, got, 100*target.Share, want[i])
			}
		}
	}
}

func TestTheDemoLeavesNothingBehind(t *testing.T) {
	before := demoFolders(t)
	n := start(t, "demo").ready()
	n.stop()
	if after := demoFolders(t); len(after) > len(before) {
		t.Errorf("there were %v, there are %v", before, after)
	}
}

func demoFolders(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.TempDir(), "naru-demo-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
