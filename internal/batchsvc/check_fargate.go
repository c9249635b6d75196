package batchsvc

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

// checkFargate checks a task that is to run on Fargate.
//
// https://docs.aws.amazon.com/batch/latest/userguide/fargate.html
func checkFargate(p platform, t *batchapi.EcsTaskProperties) error {
	if t.ExecutionRoleArn == "" {
		return invalid("executionRoleArn is required for Fargate jobs.")
	}
	for i := range t.Containers {
		if err := checkFargateContainer(&t.Containers[i]); err != nil {
			return err
		}
	}
	for _, v := range t.Volumes {
		if err := firstRefusal(
			refusal{v.Host != nil && v.Host.SourcePath != "", "host.sourcePath should not be set for volumes in Fargate."},
			refusal{v.EfsVolumeConfiguration != nil && before140(t.PlatformVersion), "EFS is supported for Fargate platform versions 1.4.0 or later, provided " + t.PlatformVersion},
		); err != nil {
			return err
		}
	}
	if e := t.EphemeralStorage; e != nil && (deref(e.SizeInGiB) < 21 || deref(e.SizeInGiB) > 200) {
		return invalid("Ephemeral storage for Fargate tasks can be only between range 21 GiB to 200 GiB")
	}
	needs, err := needsOf(p, t)
	if err != nil {
		return err
	}
	return checkFargateSize(needs)
}

func checkFargateContainer(c *batchapi.TaskContainerProperties) error {
	l, driver := deref(c.LinuxParameters), deref(c.LogConfiguration).LogDriver
	return firstRefusal(
		refusal{deref(c.Privileged), "privileged is not applicable for Fargate."},
		refusal{len(c.Ulimits) > 0, "ulimits is not applicable for Fargate."},
		refusal{len(l.Devices) > 0, "linuxParameter.devices is not allowed for Fargate."},
		refusal{l.SharedMemorySize != nil, "linuxParameter.sharedMemorySize is not allowed for Fargate."},
		refusal{l.Swappiness != nil, "linuxParameter.swappiness is not allowed for Fargate."},
		refusal{len(l.Tmpfs) > 0, "linuxParameter.tmpfs is not allowed for Fargate."},
		refusal{l.MaxSwap != nil, "linuxParameter.maxSwap is not allowed for Fargate."},
		refusal{
			!oneOf(driver, "", batchapi.LogDriverAwslogs, batchapi.LogDriverSplunk, batchapi.LogDriverAwsfirelens),
			"Log driver for Fargate is not valid: " + driver,
		},
		badGrace("startTimeout", c.StartTimeout),
		badGrace("stopTimeout", c.StopTimeout),
	)
}

// badGrace is Fargate's limit of the timeouts of a container.
func badGrace(member string, seconds *int32) refusal {
	return refusal{
		seconds != nil && (*seconds < 2 || *seconds > 120),
		fmt.Sprintf("%s must be between 2 and 120 seconds for Fargate, got %d.", member, deref(seconds)),
	}
}

// before140 reports whether a platform version is known to be older than 1.4.0.
func before140(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(major)
	if err != nil {
		return false // LATEST
	}
	y, err := strconv.Atoi(minor)
	return x < 1 || x == 1 && err == nil && y < 4
}

// fargateSizes are the memory sizes in MiB that a Fargate job may have, by its
// vCPUs in thousandths: from, to, step.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html
var fargateSizes = map[int64][3]int64{ //nolint:gochecknoglobals // a table that nothing writes
	250: {512, 2048, 512}, 500: {1024, 4096, 1024}, 1000: {2048, 8192, 1024}, 2000: {4096, 16384, 1024},
	4000: {8192, 30720, 1024}, 8000: {16384, 61440, 4096}, 16000: {32768, 122880, 8192},
}

// checkFargateSize checks what all containers of a task need together.
func checkFargateSize(n amounts) error {
	if n.gpus > 0 {
		return invalid("GPU is not applicable for Fargate.")
	}
	size, ok := fargateSizes[n.milliVCPU]
	ok = ok && n.memoryMiB >= size[0] && n.memoryMiB <= size[1] && (n.memoryMiB-size[0])%size[2] == 0
	if n.milliVCPU == 250 && n.memoryMiB == 1536 {
		ok = false // the smallest size doubles: 512, 1024, 2048
	}
	if !ok {
		return invalid("Fargate resource requirements (%s vCPU, %d MiB) are not valid.", strconv.FormatFloat(float64(n.milliVCPU)/1000, 'f', -1, 64), n.memoryMiB)
	}
	return nil
}
