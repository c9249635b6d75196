package process

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"github.com/bargehq/barge/internal/driver"
)

// identity is whom an attempt runs as.
type identity struct {
	uid, gid uint32
	groups   []uint32
}

func (i *identity) credential() *syscall.Credential {
	return &syscall.Credential{Uid: i.uid, Gid: i.gid, Groups: i.groups}
}

// cannotStart makes a StartError.
func cannotStart(format string, args ...any) error {
	return &driver.StartError{Reason: "CannotStartContainerError: " + fmt.Sprintf(format, args...)}
}

// lookupUser understands `user[:group]` as Docker does: names or numbers; a
// number needs no entry and is then in group 0; a user without a group has all
// of its groups, with one only that. It returns nil for ourselves.
func lookupUser(spec string) (*identity, error) {
	if spec == "" {
		return nil, nil
	}
	userName, groupName, grouped := strings.Cut(spec, ":")
	var id identity
	entry, err := user.Lookup(userName)
	if err != nil && number(userName) != nil { // what is too big must not be cut to somebody else
		entry, err = user.LookupId(userName)
	}
	switch {
	case err == nil:
		uid, gid := number(entry.Uid), number(entry.Gid)
		if uid == nil || gid == nil {
			return nil, cannotStart("user %q has no numbers", userName)
		}
		id.uid, id.gid = *uid, *gid
	case number(userName) != nil:
		id.uid = *number(userName)
	default:
		return nil, cannotStart("unable to find user %s: no matching entries in passwd file", userName)
	}
	switch {
	case grouped && groupName != "":
		gid := number(groupName)
		if group, err := user.LookupGroup(groupName); err == nil {
			gid = number(group.Gid)
		}
		if gid == nil {
			return nil, cannotStart("unable to find group %s: no matching entries in group file", groupName)
		}
		id.gid = *gid
	case entry != nil:
		names, err := entry.GroupIds()
		if err != nil {
			return nil, fmt.Errorf("look up groups of user %q: %w", userName, err)
		}
		for _, name := range names {
			if gid := number(name); gid != nil {
				id.groups = append(id.groups, *gid)
			}
		}
	}
	if os.Geteuid() == 0 {
		return &id, nil
	}
	if int(id.uid) != os.Geteuid() || grouped && int(id.gid) != os.Getegid() {
		return nil, cannotStart("running as user %q needs a server that runs as root", spec)
	}
	return nil, nil
}

func number(s string) *uint32 {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return nil
	}
	id := uint32(n)
	return &id
}
