package batchsvc

import (
	"fmt"
	"regexp"
	"unicode/utf8"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
)

var fileSystemPattern = regexp.MustCompile(`^fs-[0-9A-Za-z]+$`)

const (
	maxVolumeName = 255  // characters
	maxRoot       = 4096 // characters of a rootDirectory
)

// checkVolumes checks the volumes of a task and the mounts of its containers.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_Volume.html
func checkVolumes(t *batchapi.EcsTaskProperties) error {
	defined := make(map[string]bool, len(t.Volumes))
	for i := range t.Volumes {
		v := &t.Volumes[i]
		if err := checkVolume(t, v); err != nil {
			return err
		}
		if defined[v.Name] {
			return invalid("Volume names must be unique: %s", v.Name)
		}
		defined[v.Name] = true
	}
	for _, c := range t.Containers {
		for _, m := range c.MountPoints {
			if !defined[m.SourceVolume] {
				return invalid("sourceVolume %s must reference a defined volume.", m.SourceVolume)
			}
			if m.ContainerPath == "" {
				return invalid("containerPath of mountPoints is required.")
			}
		}
	}
	return nil
}

func checkVolume(t *batchapi.EcsTaskProperties, v *batchapi.Volume) error {
	kinds := 0
	for _, given := range [3]bool{v.Host != nil, v.EfsVolumeConfiguration != nil, v.S3filesVolumeConfiguration != nil} {
		if given {
			kinds++
		}
	}
	if err := firstRefusal(
		refusal{utf8.RuneCountInString(v.Name) > maxVolumeName, fmt.Sprintf("Volume name must have at most %d characters.", maxVolumeName)},
		refusal{kinds > 1, "When the volume parameter is specified, only one volume configuration type should be used."},
		refusal{v.S3filesVolumeConfiguration != nil && t.TaskRoleArn == "", "A jobRoleArn/taskRoleArn is required when using s3filesVolumeConfiguration."},
	); err != nil {
		return err
	}
	if s := v.S3filesVolumeConfiguration; s != nil {
		return firstRefusal(badPort(s.TransitEncryptionPort), longRoot(s.RootDirectory))
	}
	if e := v.EfsVolumeConfiguration; e != nil {
		return checkEFS(e)
	}
	return nil
}

func checkEFS(e *batchapi.EFSVolumeConfiguration) error {
	encrypted, a := e.TransitEncryption == batchapi.EFSTransitEncryptionEnabled, deref(e.AuthorizationConfig)
	return firstRefusal(
		refusal{!fileSystemPattern.MatchString(e.FileSystemId), fmt.Sprintf("EFS configuration fileSystemId is not valid: %s.", e.FileSystemId)},
		refusal{a.AccessPointId != "" && !encrypted, "EFS IAM access point requires TransitEncryption to be enabled."},
		refusal{a.Iam == batchapi.EFSAuthorizationConfigIAMEnabled && !encrypted, "EFS IAM authorization requires TransitEncryption to be enabled."},
		refusal{a.AccessPointId != "" && !oneOf(e.RootDirectory, "", "/"), `When using an EFS access point, the root directory must either be set to "/" or omitted`},
		badPort(e.TransitEncryptionPort),
		longRoot(e.RootDirectory),
	)
}

func badPort(port *int32) refusal {
	return refusal{deref(port) < 0 || deref(port) > 65535, "TransitEncryptionPort must be a valid port number."}
}

func longRoot(root string) refusal {
	return refusal{utf8.RuneCountInString(root) > maxRoot, fmt.Sprintf("rootDirectory must have at most %d characters.", maxRoot)}
}
