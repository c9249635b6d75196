package simulate

import "github.com/bargehq/barge/internal/batch"

// maxBuckets bounds how finely a run is drawn.
const maxBuckets = 512

// series is a run's course, cut into equal buckets of time. When there would be too
// many, they become twice as wide. Its zero value needs a width.
type series struct {
	width   int64   // milliseconds
	buckets []level // times milliseconds
	filled  batch.Instant
}

// border is the end of the bucket in which a moment is.
func (s *series) border(at batch.Instant) batch.Instant {
	return at + batch.Instant(s.width) - (at-Epoch)%batch.Instant(s.width)
}

// add says what a time looked like that crosses no border.
func (s *series) add(at batch.Instant, l level, ms float64) {
	n := int(int64(at-Epoch) / s.width)
	for n >= maxBuckets {
		s.widen()
		n /= 2
	}
	for len(s.buckets) <= n {
		s.buckets = append(s.buckets, level{})
	}
	s.buckets[n].add(l, ms)
	s.filled = at + batch.Instant(ms)
}

func (s *series) widen() {
	half := make([]level, (len(s.buckets)+1)/2, maxBuckets)
	for i, b := range s.buckets {
		half[i/2].add(b, 1)
	}
	s.buckets, s.width = half, 2*s.width
}

// Point is what a part of a run looked like on average.
type Point struct {
	Seconds     float64 `json:"seconds"` // after the beginning, of the middle
	Queued      float64 `json:"queuedJobs"`
	QueuedVCPUs float64 `json:"queuedVcpus"`
	Used        float64 `json:"usedVcpus"`
	Capacity    float64 `json:"capacityVcpus"`
}

func (s *series) points() []Point {
	points := make([]Point, 0, len(s.buckets))
	for i, b := range s.buckets {
		from := Epoch + batch.Instant(int64(i)*s.width)
		ms := float64(min(s.filled, from+batch.Instant(s.width)) - from)
		if ms <= 0 {
			break
		}
		points = append(points, Point{
			Seconds: (float64(from-Epoch) + ms/2) / 1000,
			Queued:  b.queued / ms, QueuedVCPUs: b.queuedVCPUs / ms, Used: b.used / ms, Capacity: b.capacity / ms,
		})
	}
	return points
}
