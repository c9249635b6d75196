package oci

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/bargehq/barge/internal/driver"
)

// maxAccounts bounds an image's file of users or groups, in bytes.
const maxAccounts = 8 << 20

// rootfs is a container's file system before the container is there: an open
// directory, in which names lead nowhere else.
type rootfs struct{ fd int }

func openRootfs(dir string) (rootfs, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return rootfs{}, fmt.Errorf("open root file system: %w", err)
	}
	return rootfs{fd}, nil
}

func (r rootfs) close() { _ = unix.Close(r.fd) } // only named

// open opens a file as a process inside would.
func (r rootfs) open(name string, flags int) (*os.File, error) {
	fd, err := unix.Openat2(r.fd, name, &unix.OpenHow{
		Flags:   uint64(flags) | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// accounts returns the lines of a file of users or groups, in fields. A missing
// file has none.
func (r rootfs) accounts(name string) (lines [][]string, err error) {
	f, err := r.open(name, unix.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // only read
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, err
	}
	scan := bufio.NewScanner(io.LimitReader(f, maxAccounts))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		lines = append(lines, strings.Split(scan.Text(), ":"))
	}
	return lines, scan.Err()
}

// user understands `user[:group]` as Docker does: names or numbers; a number needs
// no entry and is then in group 0; a user without a group has all of its groups,
// with one only that. home is empty where it is not known.
func (r rootfs) user(spec string) (u specs.User, home string, err error) {
	userName, groupName, _ := strings.Cut(spec, ":")
	if userName == "" {
		userName = "0"
	}
	users, err := r.accounts("etc/passwd")
	if err != nil {
		return u, "", err
	}
	entry := find(users, userName, 4)
	id, isNumber := number(userName)
	if entry == nil && isNumber {
		for _, e := range users {
			if n, ok := field(e, 2); ok && n == id {
				entry = e
				break
			}
		}
	}
	switch {
	case entry != nil:
		uid, ok := field(entry, 2)
		gid, also := field(entry, 3)
		if !ok || !also {
			return u, "", cannotStart("user %q has no numbers in the passwd file", userName)
		}
		u.UID, u.GID = uid, gid
		if len(entry) > 5 {
			home = entry[5]
		}
	case isNumber:
		u.UID = id
	default:
		return u, "", cannotStart("unable to find user %s: no matching entries in passwd file", userName)
	}
	if groupName == "" && entry == nil {
		return u, home, nil
	}
	groups, err := r.accounts("etc/group")
	if err != nil {
		return u, "", err
	}
	if groupName != "" {
		gid, ok := number(groupName)
		if e := find(groups, groupName, 3); e != nil {
			gid, ok = field(e, 2)
		}
		if !ok {
			return u, "", cannotStart("unable to find group %s: no matching entries in group file", groupName)
		}
		u.GID = gid
		return u, home, nil
	}
	for _, e := range groups {
		if len(e) > 3 && slices.Contains(strings.Split(e[3], ","), entry[0]) {
			if gid, ok := field(e, 2); ok && gid != u.GID {
				u.AdditionalGids = append(u.AdditionalGids, gid)
			}
		}
	}
	return u, home, nil
}

// find returns the first entry of that name with at least so many fields.
func find(lines [][]string, name string, fields int) []string {
	for _, e := range lines {
		if len(e) >= fields && e[0] == name {
			return e
		}
	}
	return nil
}

func field(entry []string, i int) (uint32, bool) {
	if len(entry) <= i {
		return 0, false
	}
	return number(entry[i])
}

func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return uint32(n), err == nil
}

// cannotStart makes a StartError.
func cannotStart(format string, args ...any) error {
	return refusal("CannotStartContainerError", fmt.Sprintf(format, args...))
}

// maxReason is the length of a container reason in characters in AWS Batch.
const maxReason = 255

func refusal(name, text string) error {
	reason := []rune(name + ": " + text)
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	return &driver.StartError{Reason: string(reason)}
}
