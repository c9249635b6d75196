package core

import (
	"fmt"

	"github.com/bargehq/barge/internal/batch"
)

// maxSlice bounds how many children one call looks at; the rest follows in the
// next round.
const maxSlice = 4096

// Step takes one input at the given time: all or nothing. A rejection changes
// nothing and appends nothing.
func (s *State) Step(now batch.Instant, in Input, out *Output) *batch.Error {
	out.now = now
	switch in := in.(type) {
	case CreateEnvironment:
		return s.stepCreateEnvironment(now, in, out)
	case CreateQueue:
		return s.stepCreateQueue(now, in, out)
	case UpdateEnvironment:
		return s.stepUpdateEnvironment(now, in, out)
	case DeleteEnvironment:
		return s.stepDeleteEnvironment(in, out)
	case UpdateQueue:
		return s.stepUpdateQueue(now, in, out)
	case DeleteQueue:
		return s.stepDeleteQueue(now, in, out)
	case CreateSchedulingPolicy:
		return s.stepCreateSchedulingPolicy(now, in, out)
	case UpdateSchedulingPolicy:
		return s.stepUpdateSchedulingPolicy(now, in, out)
	case DeleteSchedulingPolicy:
		return s.stepDeleteSchedulingPolicy(in, out)
	case DeregisterDefinition:
		s.stepDeregisterDefinition(in, out)
	case PutTags:
		s.stepPutTags(in, out)
	case RegisterDefinition:
		return s.stepRegisterDefinition(now, in, out)
	case Submit:
		return s.stepSubmit(now, in, out)
	case Prune:
		s.stepPrune(now, in, out)
	case Recall:
		return s.stepRecall(now, in, out)
	case Cancel:
		s.stepCancel(now, in, out)
	case Terminate:
		s.stepTerminate(now, in, out)
	case HostSeen:
		return s.stepHostSeen(now, in, out)
	case HostLost:
		s.stepHostLost(now, in, out)
	case LaunchFailed:
		s.stepLaunchFailed(now, in, out)
	case HostNotice:
		s.stepHostNotice(now, in, out)
	case AttemptStarting:
		s.stepAttemptStarting(in, out)
	case AttemptRunning:
		s.stepAttemptRunning(in, out)
	case AttemptEnded:
		s.stepAttemptEnded(now, in, out)
	case CreateConsumable:
		return s.stepCreateConsumable(now, in, out)
	case UpdateConsumable:
		return s.stepUpdateConsumable(now, in, out)
	case DeleteConsumable:
		return s.stepDeleteConsumable(in, out)
	case CreateServiceEnvironment:
		return s.stepCreateServiceEnvironment(now, in, out)
	case UpdateServiceEnvironment:
		return s.stepUpdateServiceEnvironment(in, out)
	case DeleteServiceEnvironment:
		return s.stepDeleteServiceEnvironment(in, out)
	case UpdateServiceJob:
		return s.stepUpdateServiceJob(in, out)
	case CreateQuotaShare:
		return s.stepCreateQuotaShare(now, in, out)
	case UpdateQuotaShare:
		return s.stepUpdateQuotaShare(in, out)
	case DeleteQuotaShare:
		return s.stepDeleteQuotaShare(now, in, out)
	case Delivered:
		out.Changes = append(out.Changes, OutboxDrop(in))
	case Tick:
		s.stepTick(now, out)
	default:
		panic(fmt.Sprintf("core: unknown input %T", in))
	}
	return nil
}
