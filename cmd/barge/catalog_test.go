package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstanceTypesFile(t *testing.T) {
	t.Parallel()
	write := func(name, text string) *settings {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return &settings{InstanceTypes: path}
	}
	for name, text := range map[string]string{
		"types.json": `{"instanceTypes":[{"instanceType":"node.big","vcpus":64,"memoryMiB":262144,"usdPerHour":1.25,"spotPrices":[{"from":"2026-01-01T00:00:00Z","usdPerHour":0.5}]}]}`,
		"types.yaml": "instanceTypes:\n- instanceType: node.big\n  vcpus: 64\n  memoryMiB: 262144\n  usdPerHour: 1.25\n  spotPrices:\n  - from: 2026-01-01T00:00:00Z\n    usdPerHour: 0.5\n",
		"types.csv":  "instanceType,vcpus,memoryMiB,usdPerHour,spotUSDPerHour\nnode.big,64,262144,1.25,0.5\n",
	} {
		c, err := write(name, text).catalog()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		big := c.Type("node.big")
		price, _ := big.OnDemand()
		spot, _ := big.SpotAt(1_800_000_000_000)
		if big.VCPUs != 64 || price != 1_250_000 || spot != 500_000 || c.Type("m5.large") == nil {
			t.Errorf("%s: %d vCPUs, %d and %d millionths of a US dollar, and EC2's types", name, big.VCPUs, price, spot)
		}
	}
	for name, want := range map[string]string{
		"types.txt":  "the name must end with",
		"types.json": "types.json: ",
		"types.yml":  "unknown field",
		"bomb.yaml":  "excessive aliasing",
	} {
		text := "types: 1"
		if name == "bomb.yaml" {
			text = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
		}
		if _, err := write(name, text).catalog(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if _, err := (&settings{InstanceTypes: "/nonexistent.json"}).catalog(); err == nil {
		t.Error("a file that is not there is taken")
	}
}
