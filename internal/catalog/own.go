package catalog

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bargehq/barge/internal/batch"
)

// MaxFile is how long a file of own types may be, in bytes.
const MaxFile = 8 << 20

// The largest that a file may describe.
const (
	maxTypes     = 10_000
	maxSteps     = 100_000 // of Spot prices, of all types
	maxVCPUs     = 1 << 20
	maxMemoryMiB = 1 << 30
	maxGPUs      = 1 << 10
)

// ownFile is a file of the user's types.
type ownFile struct {
	InstanceTypes []ownType             `json:"instanceTypes"`
	Fargate       map[string]ownFargate `json:"fargate"`
}

// ownType is a type as the file has it. Of a type that is known already, what is
// absent stays as it is; another needs its vCPUs and memory.
type ownType struct {
	InstanceType      string    `json:"instanceType"`
	VCPUs             *int64    `json:"vcpus"`
	MemoryMiB         *int64    `json:"memoryMiB"`
	UsableMemoryMiB   *int64    `json:"usableMemoryMiB"`
	Architecture      *string   `json:"architecture"`
	GPUs              *int64    `json:"gpus"`
	USDPerHour        *usd      `json:"usdPerHour"`
	Spot              *bool     `json:"spot"`
	SpotUSDPerHour    *usd      `json:"spotUSDPerHour"` // at all times
	SpotPrices        []ownStep `json:"spotPrices"`
	CapacityScore     *int64    `json:"capacityScore"`
	InterruptionClass *int64    `json:"interruptionClass"`
}

type ownStep struct {
	From       time.Time `json:"from"`
	USDPerHour *usd      `json:"usdPerHour"`
}

type ownFargate struct {
	USDPerVCPUHour     *usd `json:"usdPerVCPUHour"`
	USDPerGBHour       *usd `json:"usdPerGBHour"`
	SpotUSDPerVCPUHour *usd `json:"spotUSDPerVCPUHour"`
	SpotUSDPerGBHour   *usd `json:"spotUSDPerGBHour"`
}

// usd is a price in millionths of a US dollar, written in dollars.
type usd int64

// UnmarshalJSON reads a number, or a text with one.
func (u *usd) UnmarshalJSON(text []byte) error {
	n, err := parseUSD(strings.Trim(string(text), `"`))
	*u = usd(n)
	return err
}

// With returns the catalogue with what a file changes of it and adds to it. The
// file is JSON, or CSV with the members of a type as the names of its columns,
// where the Spot price has no steps. An error says which type of the file is
// wrong.
func (c *Catalog) With(text []byte, isCSV bool) (*Catalog, error) {
	if len(text) > MaxFile {
		return nil, fmt.Errorf("the file is longer than %d bytes", MaxFile)
	}
	file, err := readOwn(text, isCSV)
	if err != nil {
		return nil, err
	}
	if len(file.InstanceTypes) > maxTypes {
		return nil, fmt.Errorf("the file has %d types; %d is the most", len(file.InstanceTypes), maxTypes)
	}
	byName, named, steps := maps.Clone(c.byName), make(map[string]bool), 0
	for i, o := range file.InstanceTypes {
		if steps += len(o.SpotPrices); steps > maxSteps {
			return nil, fmt.Errorf("the file has more than %d Spot prices", maxSteps)
		}
		t, err := o.over(byName[o.InstanceType])
		if err == nil && named[t.Name] {
			err = errors.New("it is there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("instanceTypes[%d] %q: %w", i, o.InstanceType, err)
		}
		byName[t.Name], named[t.Name] = t, true
	}
	fargate := maps.Clone(c.fargate)
	for _, arch := range slices.Sorted(maps.Keys(file.Fargate)) {
		p, ok := fargate[arch]
		if !ok {
			return nil, fmt.Errorf("fargate: the architectures are %s and %s, not %q", X86, ARM, arch)
		}
		o := file.Fargate[arch]
		set(&p.VCPU, o.USDPerVCPUHour)
		set(&p.GB, o.USDPerGBHour)
		set(&p.SpotVCPU, o.SpotUSDPerVCPUHour)
		set(&p.SpotGB, o.SpotUSDPerGBHour)
		fargate[arch] = p
	}
	return newCatalog(slices.Collect(maps.Values(byName)), fargate), nil
}

func set[T, F ~int64](to *T, from *F) {
	if from != nil {
		*to = T(*from)
	}
}

var ownName = regexp.MustCompile(`^([a-z0-9][a-z0-9-]{0,31})\.[a-z0-9][a-z0-9-]{0,31}$`)

// over returns the type with what the file says of it; was is nil for a new one.
func (o *ownType) over(was *Type) (*Type, error) {
	name := ownName.FindStringSubmatch(o.InstanceType)
	if name == nil {
		return nil, errors.New("instanceType must be a family and a size, such as node.large: lower-case letters, digits and hyphens")
	}
	t := &Type{
		Name: o.InstanceType, Family: name[1], Arch: X86, Own: true, Current: true, Spot: o.SpotUSDPerHour != nil || o.SpotPrices != nil,
		Score: DefaultScore, Interruption: DefaultInterruption,
	}
	switch {
	case was != nil:
		copied := *was
		t = &copied
	case o.VCPUs == nil || o.MemoryMiB == nil:
		return nil, errors.New("a type that is not one of EC2's needs vcpus and memoryMiB")
	}
	if o.MemoryMiB != nil {
		t.usable = 0 // was measured with other memory
	}
	set(&t.VCPUs, o.VCPUs)
	set(&t.MemoryMiB, o.MemoryMiB)
	set(&t.usable, o.UsableMemoryMiB)
	set(&t.GPUs, o.GPUs)
	if o.Architecture != nil {
		t.Arch = *o.Architecture
	}
	if o.Spot != nil {
		t.Spot = *o.Spot
	}
	if o.USDPerHour != nil {
		t.onDemand = price{perHour: int64(*o.USDPerHour), known: true}
	}
	if err := o.scores(t); err != nil {
		return nil, err
	}
	if err := o.prices(t); err != nil {
		return nil, err
	}
	return t, t.check(o.UsableMemoryMiB != nil)
}

func (t *Type) check(measured bool) error {
	switch {
	case t.VCPUs < 1 || t.VCPUs > maxVCPUs:
		return fmt.Errorf("vcpus must be between 1 and %d", maxVCPUs)
	case t.MemoryMiB < 1 || t.MemoryMiB > maxMemoryMiB:
		return fmt.Errorf("memoryMiB must be between 1 and %d", maxMemoryMiB)
	case t.GPUs < 0 || t.GPUs > maxGPUs:
		return fmt.Errorf("gpus must be between 0 and %d", maxGPUs)
	case measured && (t.usable < 1 || t.usable > t.MemoryMiB):
		return fmt.Errorf("usableMemoryMiB must be between 1 and memoryMiB, which is %d", t.MemoryMiB)
	case t.Arch != X86 && t.Arch != ARM:
		return fmt.Errorf("architecture must be %s or %s, not %q", X86, ARM, t.Arch)
	case t.Usable().MemoryMiB == 0:
		return fmt.Errorf("of %d MiB of memory nothing is left for jobs; usableMemoryMiB says what is", t.MemoryMiB)
	}
	return nil
}

func (o *ownType) scores(t *Type) error {
	if n := o.CapacityScore; n != nil {
		if *n < 0 || *n > 10 {
			return errors.New("capacityScore must be between 0 and 10")
		}
		t.Score = uint8(*n)
	}
	if n := o.InterruptionClass; n != nil {
		if *n < 0 || *n > 4 {
			return errors.New("interruptionClass must be between 0 and 4")
		}
		t.Interruption = uint8(*n)
	}
	return nil
}

func (o *ownType) prices(t *Type) error {
	switch {
	case o.SpotUSDPerHour != nil && o.SpotPrices != nil:
		return errors.New("spotUSDPerHour and spotPrices exclude each other")
	case o.SpotUSDPerHour != nil:
		t.spot = []SpotPrice{{PerHour: int64(*o.SpotUSDPerHour)}}
	case o.SpotPrices != nil:
		t.spot = make([]SpotPrice, len(o.SpotPrices))
		for i, s := range o.SpotPrices {
			if s.USDPerHour == nil {
				return fmt.Errorf("spotPrices[%d] needs usdPerHour", i)
			}
			t.spot[i] = SpotPrice{From: batch.InstantOf(s.From), PerHour: int64(*s.USDPerHour)}
			if i > 0 && t.spot[i].From <= t.spot[i-1].From {
				return fmt.Errorf("spotPrices[%d] is not after the one before it", i)
			}
		}
	}
	return nil
}

func readOwn(text []byte, isCSV bool) (file ownFile, err error) {
	if !isCSV {
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err = d.Decode(&file); err == nil && d.More() {
			err = errors.New("something follows the object")
		}
		return file, err
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if err != nil {
		return file, err
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return file, nil
		}
		if err != nil {
			return file, err
		}
		var o ownType
		for i, cell := range cells {
			if err := o.column(header[i], cell); err != nil {
				line, _ := r.FieldPos(i)
				return file, fmt.Errorf("line %d, %s: %w", line, header[i], err)
			}
		}
		file.InstanceTypes = append(file.InstanceTypes, o)
	}
}

// column sets what a cell of a CSV file says; nothing if it is empty.
func (o *ownType) column(name, cell string) error {
	if cell == "" {
		return nil
	}
	switch name {
	case "instanceType":
		o.InstanceType = cell
		return nil
	case "architecture":
		o.Architecture = &cell
		return nil
	case "spot":
		v, err := strconv.ParseBool(cell)
		o.Spot = &v
		return err
	}
	numbers := map[string]**int64{
		"vcpus": &o.VCPUs, "memoryMiB": &o.MemoryMiB, "usableMemoryMiB": &o.UsableMemoryMiB, "gpus": &o.GPUs,
		"capacityScore": &o.CapacityScore, "interruptionClass": &o.InterruptionClass,
	}
	if to, ok := numbers[name]; ok {
		v, err := strconv.ParseInt(cell, 10, 64)
		*to = &v
		return err
	}
	prices := map[string]**usd{"usdPerHour": &o.USDPerHour, "spotUSDPerHour": &o.SpotUSDPerHour}
	to, ok := prices[name]
	if !ok {
		return errors.New("there is no such column")
	}
	v, err := parseUSD(cell)
	*to = (*usd)(&v)
	return err
}
