package sqlite

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// disk is a file system for SQLite, on top of its own one, that knows what is
// durable: for each file what was there at its last sync, and all that was
// written since. [disk.powerCut] is what a power cut could leave of that. It can also
// fail.
type disk struct {
	name string // that of the VFS

	mu    sync.Mutex
	files map[string]*image
	calls int // of writes and syncs
	// fail tells which call fails, with which of SQLite's codes; nil for none.
	fail func(call int, sync bool) int32
}

// image is a file as it is when the power is cut.
type image struct {
	durable []byte
	pending []op // since the last sync
}

// op is a write, or for nil data the cutting off of a file.
type op struct {
	at   int64
	data []byte
}

func (o op) apply(b []byte) []byte {
	if o.data == nil {
		if int64(len(b)) > o.at {
			b = b[:o.at]
		}
		return b
	}
	if end := o.at + int64(len(o.data)); int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[o.at:], o.data)
	return b
}

// sector is what a disk writes whole or not at all.
const sector = 512

// powerCut is cut for who does not hold the lock.
func (d *disk) powerCut(rng *rand.Rand) map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cut(rng)
}

// cut returns files as a power cut at this moment could leave them: of what was
// written since the last sync of a file, each piece is there, or not, or in
// part, or is garbage.
func (d *disk) cut(rng *rand.Rand) map[string][]byte {
	left := make(map[string][]byte)
	for _, path := range slices.Sorted(maps.Keys(d.files)) {
		f := d.files[path]
		b := slices.Clone(f.durable)
		for _, o := range f.pending {
			switch rng.IntN(4) {
			case 0: // lost
				continue
			case 1: // its sectors one by one
				for at := 0; at < len(o.data); at += sector {
					if part := o.data[at:min(at+sector, len(o.data))]; rng.IntN(2) == 0 {
						b = op{o.at + int64(at), part}.apply(b)
					}
				}
				continue
			case 2: // the file has its length, and not its content
				if len(o.data) > 0 && rng.IntN(4) == 0 {
					o = op{o.at, make([]byte, len(o.data))}
				}
			}
			b = o.apply(b)
		}
		left[filepath.Base(path)] = b
	}
	return left
}

// do notes a call and returns the code with which it fails, zero for none.
func (d *disk) do(path string, o *op) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	f := d.files[path]
	if d.fail != nil {
		if code := d.fail(d.calls, o == nil); code != 0 {
			if o == nil && f != nil {
				// As Linux has it: what could not be synced counts as
				// written all the same, and is never written again.
				f.pending = nil
			}
			return code
		}
	}
	switch {
	case f == nil:
	case o != nil:
		f.pending = append(f.pending, *o)
	default:
		for _, o := range f.pending {
			f.durable = o.apply(f.durable)
		}
		f.pending = nil
	}
	return 0
}

// vfsFiles are SQLite's open files by their addresses. A table of functions in C
// has no room for more.
var vfsFiles sync.Map // uintptr → vfsFile

type vfsFile struct {
	d    *disk
	path string
	own  *sqlite3.Tsqlite3_io_methods // of the file system below
}

// vfsDisks are the disks by the addresses of their VFS.
var vfsDisks sync.Map // uintptr → vfsDisk

type vfsDisk struct {
	d            *disk
	open, remove uintptr // of the file system below
}

var vfsCount atomic.Int64

// at is what is at an address that SQLite knows.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// newDisk registers a file system, which stays for the life of the program.
// SQLite's memory is no place for what the garbage collector has to see, so the
// functions that it gets are not made for one disk.
func newDisk(t *testing.T) *disk {
	t.Helper()
	tls := libc.NewTLS()
	t.Cleanup(tls.Close)
	below := at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
	memory := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*below)))
	d := &disk{name: fmt.Sprintf("disk%d", vfsCount.Add(1)), files: make(map[string]*image)}
	name, err := libc.CString(d.name)
	if err != nil || memory == 0 {
		t.Fatalf("no memory for a file system: %v", err)
	}
	v := at[sqlite3.Tsqlite3_vfs](memory)
	*v = *below
	v.FzName, v.FpNext = name, 0
	vfsDisks.Store(memory, vfsDisk{d, v.FxOpen, v.FxDelete})
	*(*func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32)(unsafe.Pointer(&v.FxOpen)) = vfsOpen
	*(*func(*libc.TLS, uintptr, uintptr, int32) int32)(unsafe.Pointer(&v.FxDelete)) = vfsDelete
	if code := sqlite3.Xsqlite3_vfs_register(tls, memory, 0); code != 0 {
		t.Fatalf("register a file system: %d", code)
	}
	return d
}

func vfsOpen(tls *libc.TLS, vfs, path, file uintptr, flags int32, out uintptr) int32 {
	v, _ := vfsDisks.Load(vfs)
	disk := v.(vfsDisk)
	if code := (*(*func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32)(unsafe.Pointer(&disk.open)))(tls, vfs, path, file, flags, out); code != 0 {
		return code
	}
	disk.d.opened(tls, libc.GoString(path), file)
	return 0
}

// vfsDelete removes a file, for good at once: SQLite syncs the directory.
func vfsDelete(tls *libc.TLS, vfs, path uintptr, sync int32) int32 {
	v, _ := vfsDisks.Load(vfs)
	disk := v.(vfsDisk)
	code := (*(*func(*libc.TLS, uintptr, uintptr, int32) int32)(unsafe.Pointer(&disk.remove)))(tls, vfs, path, sync)
	if code == 0 {
		disk.d.mu.Lock()
		defer disk.d.mu.Unlock()
		delete(disk.d.files, libc.GoString(path))
	}
	return code
}

// opened puts our functions in place of a file's own.
func (d *disk) opened(tls *libc.TLS, path string, file uintptr) {
	methods := at[*sqlite3.Tsqlite3_io_methods](file)
	if *methods == nil {
		return
	}
	own := *methods
	memory := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*own)))
	if memory == 0 {
		panic("no memory for a table of functions")
	}
	ours := at[sqlite3.Tsqlite3_io_methods](memory)
	*ours = *own
	*(*func(*libc.TLS, uintptr) int32)(unsafe.Pointer(&ours.FxClose)) = vfsClose
	*(*func(*libc.TLS, uintptr, uintptr, int32, int64) int32)(unsafe.Pointer(&ours.FxWrite)) = vfsWrite
	*(*func(*libc.TLS, uintptr, int64) int32)(unsafe.Pointer(&ours.FxTruncate)) = vfsTruncate
	*(*func(*libc.TLS, uintptr, int32) int32)(unsafe.Pointer(&ours.FxSync)) = vfsSync
	*methods = ours
	vfsFiles.Store(file, vfsFile{d, path, own})
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[path] == nil {
		d.files[path] = new(image)
	}
}

func vfsClose(tls *libc.TLS, file uintptr) int32 {
	f, _ := vfsFiles.LoadAndDelete(file)
	own := f.(vfsFile).own
	return (*(*func(*libc.TLS, uintptr) int32)(unsafe.Pointer(&own.FxClose)))(tls, file)
}

func vfsWrite(tls *libc.TLS, file, from uintptr, n int32, offset int64) int32 {
	v, _ := vfsFiles.Load(file)
	f := v.(vfsFile)
	data := slices.Clone(unsafe.Slice(at[byte](from), n))
	if code := f.d.do(f.path, &op{offset, data}); code != 0 {
		return code
	}
	return (*(*func(*libc.TLS, uintptr, uintptr, int32, int64) int32)(unsafe.Pointer(&f.own.FxWrite)))(tls, file, from, n, offset)
}

func vfsTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	v, _ := vfsFiles.Load(file)
	f := v.(vfsFile)
	if code := f.d.do(f.path, &op{at: size}); code != 0 {
		return code
	}
	return (*(*func(*libc.TLS, uintptr, int64) int32)(unsafe.Pointer(&f.own.FxTruncate)))(tls, file, size)
}

func vfsSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	v, _ := vfsFiles.Load(file)
	f := v.(vfsFile)
	if code := f.d.do(f.path, nil); code != 0 {
		return code
	}
	return (*(*func(*libc.TLS, uintptr, int32) int32)(unsafe.Pointer(&f.own.FxSync)))(tls, file, flags)
}
