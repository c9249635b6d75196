package catalog

import "github.com/bargehq/barge/internal/batch"

// FargatePrice is what Fargate costs, in millionths of a US dollar per hour.
type FargatePrice struct {
	VCPU, GB         int64
	SpotVCPU, SpotGB int64
}

// publishedFargate are the prices of us-east-1 for Linux, as of 2026. Those of
// Fargate Spot move; "up to 70 %" less is what AWS says.
//
// https://aws.amazon.com/fargate/pricing/
func publishedFargate() map[string]FargatePrice {
	return map[string]FargatePrice{
		X86: {VCPU: 40_480, GB: 4_445, SpotVCPU: 12_144, SpotGB: 1_334},
		ARM: {VCPU: 32_380, GB: 3_560, SpotVCPU: 9_714, SpotGB: 1_068},
	}
}

// FargateCost is what a task of that size costs on Fargate from one time to
// another, in billionths of a US dollar, by the millisecond and rounded down.
// AWS bills a minute at least; here what a job has used is what it costs.
func (c *Catalog) FargateCost(arch string, spot bool, size batch.Resources, from, to batch.Instant) (nanoUSD int64, ok bool) {
	p, ok := c.fargate[arch]
	if spot {
		p.VCPU, p.GB = p.SpotVCPU, p.SpotGB
	}
	return Portion(Over(p.VCPU, to-from), size.MilliVCPU, 1000) + Portion(Over(p.GB, to-from), size.MemoryMiB, 1024), ok
}
