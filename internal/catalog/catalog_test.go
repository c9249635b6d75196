package catalog_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/catalog"
)

func names(types []*catalog.Type) (list []string) {
	for _, t := range types {
		list = append(list, t.Name)
	}
	return list
}

// TestBuiltin counts what the published list has, and looks at types whose sizes
// and prices are known elsewhere.
func TestBuiltin(t *testing.T) {
	t.Parallel()
	c := catalog.Builtin()
	var priced, spot, metal, gpus, noLinux int
	for _, i := range c.Types() {
		if _, ok := i.OnDemand(); ok {
			priced++
		}
		if i.Spot {
			spot++
		}
		if i.Metal {
			metal++
		}
		if i.GPUs > 0 {
			gpus++
		}
		if i.Arch == "" {
			noLinux++
		} else if i.VCPUs < 1 || i.Usable().MemoryMiB < 1 {
			t.Errorf("%s has %v for jobs", i.Name, i.Usable())
		}
	}
	got := []int{len(c.Types()), len(c.Types()) - priced, spot, metal, gpus, noLinux}
	if want := []int{1263, 27, 1223, 131, 48, 8}; !slices.Equal(got, want) {
		t.Errorf("types, without a price, Spot, metal, with GPUs for jobs, without Linux: %v, want %v", got, want)
	}
	for _, tt := range []struct {
		name                      string
		vcpus, mib, gpus, perHour int64
		usable                    int64
		spot                      int64
	}{
		{"m4.large", 2, 8192, 0, 100_000, 7947, 35_000},
		{"c5.9xlarge", 36, 73728, 0, 1_530_000, 71779, 535_500},
		{"g4dn.12xlarge", 48, 196608, 4, 3_912_000, 191464, 1_369_200},
		{"p5.48xlarge", 192, 2097152, 8, 55_040_000, 2042594, 19_264_000},
	} {
		i := c.Type(tt.name)
		perHour, _ := i.OnDemand()
		spot, _ := i.SpotAt(1)
		got := []int64{i.VCPUs, i.MemoryMiB, i.GPUs, perHour, i.Usable().MemoryMiB, spot}
		if want := []int64{tt.vcpus, tt.mib, tt.gpus, tt.perHour, tt.usable, tt.spot}; !slices.Equal(got, want) {
			t.Errorf("%s: vCPUs, MiB, GPUs, price, usable MiB, Spot price %v, want %v", tt.name, got, want)
		}
	}
}

func TestUnknownPriceIsNotFree(t *testing.T) {
	t.Parallel()
	i := catalog.Builtin().Type("hpc7a.96xlarge")
	if _, ok := i.OnDemand(); ok {
		t.Error("the price is known")
	}
	if _, ok := i.SpotAt(1); ok {
		t.Error("the Spot price is known")
	}
	if _, ok := i.Cost(false, 0, 1000); ok {
		t.Error("the cost is known")
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	c := catalog.Builtin()
	for _, tt := range []struct {
		entries []string
		want    []string // the first ones
		count   int
	}{
		{[]string{"c5.large", "m5.xlarge", "c5.large"}, []string{"c5.large", "m5.xlarge"}, 2},
		{[]string{"m4"}, []string{"m4.large", "m4.xlarge", "m4.2xlarge", "m4.4xlarge", "m4.10xlarge", "m4.16xlarge"}, 6},
		{[]string{"c5.metal", "c5"}, []string{"c5.metal", "c5.large"}, 9},
		{[]string{"optimal"}, []string{"m6i.large", "m6i.xlarge"}, 36},
		{[]string{"default_x86_64", "optimal"}, []string{"m6i.large"}, 36},
		{[]string{"default_arm64"}, []string{"m6g.medium", "m6g.large"}, 32},
		{[]string{"optimal", "p5.48xlarge"}, []string{"m6i.large"}, 37},
	} {
		types, err := c.Resolve(tt.entries)
		if err != nil {
			t.Errorf("%v: %v", tt.entries, err)
			continue
		}
		if got := names(types); len(got) != tt.count || !slices.Equal(got[:len(tt.want)], tt.want) {
			t.Errorf("%v stands for %v, want %d that begin with %v", tt.entries, got, tt.count, tt.want)
		}
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		entries []string
		message string
	}{
		{[]string{"m5", "m5.huge"}, "Instance type can only be one of [optimal, default_x86_64, default_arm64, a1, a1.2xlarge, "},
		{[]string{"metal"}, "Instance type can only be one of ["},
		{[]string{""}, "Instance type can only be one of ["},
		{[]string{"t3.large"}, "Instance type can only be one of ["},
		{[]string{"mac2.metal"}, "Instance type can only be one of ["},
		{[]string{"m6g.large", "m5"}, "arm-based instance type cannot be used with other instance types"},
		{[]string{"optimal", "default_arm64"}, "arm-based instance type cannot be used with other instance types"},
	} {
		_, err := catalog.Builtin().Resolve(tt.entries)
		var refused *batch.Error
		if !errors.As(err, &refused) || refused.Code != batch.Invalid || !strings.HasPrefix(refused.Message, tt.message) {
			t.Errorf("%v: %.90v, want %s", tt.entries, err, tt.message)
		}
	}
}

// TestResolveTakesItsChoices: what the refusal offers is taken.
func TestResolveTakesItsChoices(t *testing.T) {
	t.Parallel()
	_, err := catalog.Builtin().Resolve([]string{"none"})
	_, list, _ := strings.Cut(strings.TrimSuffix(err.Error(), "]"), "[")
	choices := strings.Split(list, ", ")
	if len(choices) < 1300 {
		t.Errorf("only %d choices", len(choices))
	}
	for _, choice := range choices {
		if _, err := catalog.Builtin().Resolve([]string{choice}); err != nil {
			t.Errorf("%s is offered and refused: %.60v", choice, err)
		}
	}
}

// TestUsableEKS has the examples of AWS's guide: a node of type c5.large has
// 1,930 thousandths of vCPUs for pods, one of c5.24xlarge lacks 310, and of 7,748
// MiB with 29 pods 7,074 are left.
func TestUsableEKS(t *testing.T) {
	t.Parallel()
	c, err := catalog.Builtin().With([]byte(`{"instanceTypes":[{"instanceType":"node.a","vcpus":2,"memoryMiB":8192,"usableMemoryMiB":7716}]}`), false)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Type("node.a").UsableEKS(29), (batch.Resources{MilliVCPU: 1930, MemoryMiB: 7074}); got != want {
		t.Errorf("of node.a pods have %v, want %v", got, want)
	}
	if got := c.Type("c5.24xlarge").UsableEKS(29).MilliVCPU; got != 96_000-310 {
		t.Errorf("of c5.24xlarge pods have %d thousandths of vCPUs, want 95,690", got)
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	const hour = 3_600_000
	c, err := catalog.Builtin().With([]byte(`{"instanceTypes":[
		{"instanceType":"m5.large","spotPrices":[
			{"from":"1970-01-01T01:00:00Z","usdPerHour":0.05},{"from":"1970-01-01T02:00:00Z","usdPerHour":"0.02"}]},
		{"instanceType":"node.big","vcpus":2,"memoryMiB":8192,"usdPerHour":1000000}]}`), false)
	if err != nil {
		t.Fatal(err)
	}
	m5, big := c.Type("m5.large"), c.Type("node.big")
	for _, tt := range []struct {
		of       *catalog.Type
		spot     bool
		from, to batch.Instant
		want     int64
	}{
		{m5, false, 0, hour, 96_000_000},
		{m5, false, 5, 5, 0},
		{m5, false, 9, 5, 0},
		{m5, false, 0, 1, 26}, // a millisecond of 0.096 USD an hour, rounded down
		{m5, true, 0, hour, 33_600_000},
		{m5, true, hour / 2, 3 * hour, 16_800_000 + 50_000_000 + 20_000_000},
		{m5, true, 9 * hour, 10 * hour, 20_000_000},
		{big, false, 0, 365 * 24 * hour, 8_760_000_000_000_000_000},
	} {
		if got, ok := tt.of.Cost(tt.spot, tt.from, tt.to); !ok || got != tt.want {
			t.Errorf("%s (spot %t) from %d to %d costs %d, want %d", tt.of.Name, tt.spot, tt.from, tt.to, got, tt.want)
		}
	}
	if at, ok := m5.NextSpot(0); !ok || at != hour {
		t.Errorf("the Spot price changes at %d, want %d", at, hour)
	}
	if at, ok := m5.NextSpot(2 * hour); ok {
		t.Errorf("the Spot price changes at %d, want never", at)
	}
	if _, ok := big.SpotAt(0); ok {
		t.Error("an own type without a Spot price is offered as Spot")
	}
	size := batch.Resources{MilliVCPU: 250, MemoryMiB: 512}
	if got, _ := c.FargateCost(catalog.X86, false, size, 0, hour); got != 10_120_000+2_222_500 {
		t.Errorf("a quarter of a vCPU and half a GB cost %d on Fargate", got)
	}
}

func TestPortion(t *testing.T) {
	t.Parallel()
	for _, tt := range [][4]int64{{10, 1, 3, 3}, {1 << 62, 1 << 62, 1 << 62, 1 << 62}, {1 << 62, 3, 1, batch.Unlimited}, {5, 0, 7, 0}} {
		if got := catalog.Portion(tt[0], tt[1], tt[2]); got != tt[3] {
			t.Errorf("%d × %d / %d = %d, want %d", tt[0], tt[1], tt[2], got, tt[3])
		}
	}
}

func TestOwn(t *testing.T) {
	t.Parallel()
	c, err := catalog.Builtin().With([]byte(`instanceType,vcpus,memoryMiB,usableMemoryMiB,architecture,gpus,usdPerHour,spotUSDPerHour,capacityScore,interruptionClass
node.big,64,262144,250000,,2,1.25,0.5,9,0
node.small,4,8192,,arm64,,,,,
m5.large,,,7900,,,0,,,
`), true)
	if err != nil {
		t.Fatal(err)
	}
	big := c.Type("node.big")
	if got, want := big.Usable(), (batch.Resources{MilliVCPU: 64_000, MemoryMiB: 250_000, GPUs: 2}); got != want {
		t.Errorf("node.big has %v, want %v", got, want)
	}
	if spot, _ := big.SpotAt(0); spot != 500_000 || big.Score != 9 || big.Interruption != 0 {
		t.Errorf("node.big: Spot price %d, score %d, interruption class %d", spot, big.Score, big.Interruption)
	}
	if _, known := c.Type("node.small").OnDemand(); known {
		t.Error("the price of node.small is known")
	}
	m5 := c.Type("m5.large")
	if perHour, known := m5.OnDemand(); perHour != 0 || !known || m5.Usable().MemoryMiB != 7900 || m5.VCPUs != 2 {
		t.Errorf("m5.large: price %d, known %t, usable %v", perHour, known, m5.Usable())
	}
	if perHour, _ := catalog.Builtin().Type("m5.large").OnDemand(); perHour != 96_000 {
		t.Errorf("the catalogue that was extended has changed: m5.large costs %d", perHour)
	}
	types, err := c.Resolve([]string{"node.big", "m5.large"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"node.big", "m5.large"}, names(types)); diff != "" {
		t.Error(diff)
	}
}

func TestOwnRefuses(t *testing.T) {
	t.Parallel()
	own := func(members string) string {
		return `{"instanceTypes":[{"instanceType":"node.a","vcpus":4,"memoryMiB":8192` + members + `}]}`
	}
	for _, tt := range []struct{ file, message string }{
		{`{"instanceTypes":[{"instanceType":"Node"}]}`, `instanceTypes[0] "Node": instanceType must be a family and a size`},
		{`{"instanceTypes":[{"instanceType":"node.a","vcpus":4}]}`, `needs vcpus and memoryMiB`},
		{`{"instanceTypes":[{"instanceType":"m5.large"},{"instanceType":"m5.large"}]}`, `instanceTypes[1] "m5.large": it is there twice`},
		{own(`,"cpus":4`), `unknown field "cpus"`},
		{own(`}]} {"x":[{"a":1`), `something follows the object`},
		{own(`,"gpus":-1`), `gpus must be between 0 and 1024`},
		{own(`,"usableMemoryMiB":9000`), `usableMemoryMiB must be between 1 and memoryMiB, which is 8192`},
		{own(`,"usableMemoryMiB":0`), `usableMemoryMiB must be between 1`},
		{own(`,"architecture":"sparc"`), `architecture must be x86_64 or arm64`},
		{own(`,"usdPerHour":-1`), `"-1" is no price in US dollars`},
		{own(`,"usdPerHour":1e3`), `is no price in US dollars`},
		{own(`,"usdPerHour":1000001`), `at most a million US dollars`},
		{own(`,"usdPerHour":0.0000001`), `more than six digits`},
		{own(`,"capacityScore":11`), `capacityScore must be between 0 and 10`},
		{own(`,"interruptionClass":5`), `interruptionClass must be between 0 and 4`},
		{own(`,"spotUSDPerHour":1,"spotPrices":[]`), `exclude each other`},
		{own(`,"spotPrices":[{"from":"2026-01-01T00:00:00Z"}]`), `spotPrices[0] needs usdPerHour`},
		{own(`,"spotPrices":[{"from":"2026-01-01T00:00:00Z","usdPerHour":1},{"from":"2026-01-01T00:00:00Z","usdPerHour":2}]`), `spotPrices[1] is not after the one before it`},
		{`{"instanceTypes":[{"instanceType":"node.a","vcpus":4,"memoryMiB":100}]}`, `nothing is left for jobs`},
		{`{"fargate":{"sparc":{}}}`, `fargate: the architectures are x86_64 and arm64`},
		{strings.Repeat(" ", catalog.MaxFile+1), `the file is longer than`},
	} {
		if _, err := catalog.Builtin().With([]byte(tt.file), false); err == nil || !strings.Contains(err.Error(), tt.message) {
			t.Errorf("%.120s: %v, want %s", tt.file, err, tt.message)
		}
	}
	for _, tt := range []struct{ file, message string }{
		{"instanceType,colour\nnode.a,red\n", "line 2, colour: there is no such column"},
		{"instanceType,vcpus\nnode.a,many\n", "line 2, vcpus: "},
		{"instanceType,vcpus\nnode.a\n", "wrong number of fields"},
	} {
		if _, err := catalog.Builtin().With([]byte(tt.file), true); err == nil || !strings.Contains(err.Error(), tt.message) {
			t.Errorf("%q: %v, want %s", tt.file, err, tt.message)
		}
	}
}

func TestLimitGPUs(t *testing.T) {
	t.Parallel()
	all := catalog.Builtin()
	for most, want := range map[int64]int64{0: 0, 2: 2, 100: 8} {
		limited := all.LimitGPUs(most)
		if got := limited.Type("p5.48xlarge").GPUs; got != want || all.Type("p5.48xlarge").GPUs != 8 {
			t.Errorf("of at most %d GPUs p5.48xlarge has %d, want %d", most, got, want)
		}
		if types, err := limited.Resolve([]string{"p5"}); err != nil || types[0].GPUs > most {
			t.Errorf("of at most %d GPUs p5 stands for %v, %v", most, types, err)
		}
	}
}
