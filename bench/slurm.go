package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// slurm is a Slurm of its own on loopback: its controller, one node, and the
// munge that they trust, all of them our children in a directory of ours.
type slurm struct {
	dir     string
	version string
	daemons []*daemon // munged, slurmctld, slurmd
	done    int       // bytes of the completion log that were read
}

// daemon is one of them.
type daemon struct {
	cmd    *exec.Cmd
	output string        // file
	ended  chan struct{} // closed then
}

func slurmPrograms() []string { return []string{"munged", "slurmctld", "slurmd", "sbatch", "sinfo"} }

func hasSlurm() bool {
	for _, name := range slurmPrograms() {
		if _, err := exec.LookPath(name); err != nil {
			return false
		}
	}
	return os.Geteuid() == 0 // who runs jobs for others
}

// slurmConf is after the guide to high throughput of Slurm's authors. The node
// has as many processors as Barge's environment; the machine may have fewer.
const slurmConf = `ClusterName=bench
SlurmctldHost=%[1]s(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=%[2]s/munge.socket
CryptoType=crypto/munge
SlurmctldPort=%[3]d
SlurmdPort=%[4]d
SlurmctldPidFile=%[2]s/slurmctld.pid
SlurmdPidFile=%[2]s/slurmd.pid
StateSaveLocation=%[2]s/state
SlurmdSpoolDir=%[2]s/spool
SlurmctldDebug=error
SlurmdDebug=error
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc=%[2]s/ended
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
ReturnToService=2
SchedulerType=sched/builtin
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,default_queue_depth=10000
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MaxArraySize=10001
MaxJobCount=1000000
MinJobAge=2
MessageTimeout=60
NodeName=%[1]s NodeAddr=127.0.0.1 CPUs=%[5]d State=UNKNOWN
PartitionName=bench Nodes=%[1]s Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
`

// startSlurm starts it and waits until its node is idle.
func startSlurm(ctx context.Context, dir string) (_ *slurm, err error) {
	s := &slurm{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, d := range []string{dir, s.path("state"), s.path("spool"), s.path("out")} {
		if err = os.Mkdir(d, 0o755); err != nil {
			return s, err
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return s, err
	}
	host, _, _ = strings.Cut(host, ".")
	ports, err := freePorts(2)
	if err != nil {
		return s, err
	}
	key := make([]byte, 128)
	_, _ = rand.Read(key) // never fails
	job := "#!/bin/sh\nexec /bin/true\n"
	if err = errors.Join(
		os.WriteFile(s.path("munge.key"), key, 0o400),
		os.WriteFile(s.path("ended"), nil, 0o644),
		os.WriteFile(s.path("job.sh"), []byte(job), 0o755),
		os.WriteFile(s.path("slurm.conf"), fmt.Appendf(nil, slurmConf, host, dir, ports[0], ports[1], environmentSize), 0o644),
	); err != nil {
		return s, err
	}
	if err = s.daemon("munged", "--foreground", "--force", "--key-file="+s.path("munge.key"), "--socket="+s.path("munge.socket"),
		"--pid-file="+s.path("munged.pid"), "--log-file="+s.path("munged.log"), "--seed-file="+s.path("munged.seed"), "--num-threads=2"); err != nil {
		return s, err
	}
	if err = s.await(ctx, "munge answers", func() (bool, error) {
		_, failed := os.Stat(s.path("munge.socket"))
		return failed == nil, nil
	}); err != nil {
		return s, err
	}
	if err = s.daemon("slurmctld", "-D", "-i", "-f", s.path("slurm.conf")); err != nil {
		return s, err
	}
	if err = s.daemon("slurmd", "-D", "-f", s.path("slurm.conf"), "-N", host); err != nil {
		return s, err
	}
	if err = s.await(ctx, "the node is idle", func() (bool, error) {
		out, failed := s.command(ctx, "sinfo", "--noheader", "--format=%T").Output()
		return failed == nil && strings.TrimSpace(string(out)) == "idle", nil
	}); err != nil {
		return s, err
	}
	out, err := s.command(ctx, "sinfo", "--version").Output()
	name, number, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	s.version = strings.ToUpper(name[:min(1, len(name))]) + name[min(1, len(name)):] + " " + strings.TrimPrefix(number, "wlm ")
	s.version = strings.Replace(s.version, "Slurm-wlm", "Slurm", 1)
	return s, err
}

// freePorts returns ports that nobody listened on a moment ago.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // only to find it
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func (s *slurm) path(name string) string { return filepath.Join(s.dir, name) }

// command is one of Slurm's programs, on this Slurm.
func (s *slurm) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "SLURM_CONF="+s.path("slurm.conf"))
	cmd.Dir = s.dir
	return cmd
}

// daemon starts a program that stays in the foreground. It is stopped by stop
// alone, so that it ends in order when we are interrupted.
func (s *slurm) daemon(name string, args ...string) error {
	out, err := os.Create(s.path(name + ".out"))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // the child has it
	d := &daemon{cmd: s.command(context.Background(), name, args...), output: out.Name(), ended: make(chan struct{})}
	d.cmd.Stdout, d.cmd.Stderr = out, out
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // not for the terminal's signals
	if err := d.cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = d.cmd.Wait() // await tells whether it should not have ended
		close(d.ended)
	}()
	s.daemons = append(s.daemons, d)
	return nil
}

func (s *slurm) controller() int { return s.daemons[1].cmd.Process.Pid }

// await polls, and fails when one of the programs has ended.
func (s *slurm) await(ctx context.Context, what string, done func() (bool, error)) error {
	err := poll(ctx, 20*time.Millisecond, func() (bool, error) {
		for _, d := range s.daemons {
			select {
			case <-d.ended:
				return false, errors.New("a program has ended")
			default:
			}
		}
		return done()
	})
	if err == nil {
		return nil
	}
	err = fmt.Errorf("wait until %s: %w", what, err)
	for _, d := range s.daemons {
		text, _ := os.ReadFile(d.output) // for what it is worth
		err = fmt.Errorf("%w\n%s: %s", err, d.cmd.Args[0], bytes.TrimSpace(text[max(0, len(text)-500):]))
	}
	return err
}

// stop ends what was started, the last first.
func (s *slurm) stop() error {
	var errs []error
	for i := len(s.daemons) - 1; i >= 0; i-- {
		d := s.daemons[i]
		_ = d.cmd.Process.Signal(syscall.SIGTERM) // unless it has ended
		select {
		case <-d.ended:
		case <-time.After(30 * time.Second):
			errs = append(errs, fmt.Errorf("%s had to be killed", d.cmd.Args[0]), d.cmd.Process.Kill())
			<-d.ended
		}
	}
	return errors.Join(errs...)
}

// submit submits the job with further arguments.
func (s *slurm) submit(ctx context.Context, args ...string) error {
	args = append(args, "--parsable", "--partition=bench", "--ntasks=1", "--output="+s.path("out")+"/%j-%A-%a", s.path("job.sh"))
	if out, err := s.command(ctx, "sbatch", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("sbatch: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// submitSingles submits by as many clients as Barge has.
func (s *slurm) submitSingles(ctx context.Context, jobs int, hold bool) (time.Duration, error) {
	var args []string
	if hold {
		args = []string{"--hold"}
	}
	errs := make([]error, peerClients)
	var all sync.WaitGroup
	var next atomic.Int64
	began := time.Now()
	for i := range peerClients {
		all.Go(func() {
			for next.Add(1) <= int64(jobs) && errs[i] == nil {
				errs[i] = s.submit(ctx, args...)
			}
		})
	}
	all.Wait()
	return time.Since(began), errors.Join(errs...)
}

func (s *slurm) runSingles(ctx context.Context, jobs int) (time.Duration, error) {
	began := time.Now()
	if _, err := s.submitSingles(ctx, jobs, false); err != nil {
		return 0, err
	}
	err := s.awaitEnds(ctx, jobs)
	return time.Since(began), err
}

func (s *slurm) runArray(ctx context.Context, size int) (time.Duration, error) {
	began := time.Now()
	if err := s.submit(ctx, "--array=0-"+strconv.Itoa(size-1)); err != nil {
		return 0, err
	}
	err := s.awaitEnds(ctx, size)
	return time.Since(began), err
}

// awaitEnds waits until so many more jobs are in the log of completed jobs,
// which costs the controller nothing to be asked for.
func (s *slurm) awaitEnds(ctx context.Context, jobs int) error {
	ended := 0
	return s.await(ctx, "all jobs have ended", func() (bool, error) {
		f, err := os.Open(s.path("ended"))
		if err != nil {
			return false, err
		}
		defer func() { _ = f.Close() }() // only read
		info, err := f.Stat()
		if err != nil {
			return false, err
		}
		text := make([]byte, max(0, int(info.Size())-s.done))
		n, _ := f.ReadAt(text, int64(s.done)) // the rest comes with the next look
		text = text[:bytes.LastIndexByte(text[:n], '\n')+1]
		s.done += len(text)
		for line := range bytes.Lines(text) {
			if !bytes.Contains(line, []byte("JobState=COMPLETED")) {
				return false, fmt.Errorf("a job of Slurm has failed: %s", bytes.TrimSpace(line))
			}
			ended++
		}
		return ended >= jobs, nil
	})
}
