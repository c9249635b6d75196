package batchsvc

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/bargehq/barge/internal/awsapi/batchapi"
	"github.com/bargehq/barge/internal/batch"
	"github.com/bargehq/barge/internal/core"
	"github.com/bargehq/barge/internal/store"
)

// maxDefinition is AWS's limit of a registered definition.
const maxDefinition = 24 << 10

// definition is a revision with its request decoded. It never changes.
type definition struct {
	id       int64
	name     string
	revision int32
	active   bool
	req      *batchapi.RegisterJobDefinitionRequest
}

func (d *definition) ref() string { return d.name + ":" + itoa(int64(d.revision)) }

// definitions caches revisions: by row key for ever, by name as long as no newer
// one is registered. It is emptied when it gets large.
type definitions struct {
	mu         sync.RWMutex // guards all; handlers share them
	byID       map[int64]*definition
	latest     map[string]*definition // the newest active revision
	registered int                    // how many were
}

const maxCached = 10_000

func (c *definitions) reset() {
	c.byID, c.latest = make(map[int64]*definition), make(map[string]*definition)
}

// newest returns the newest active revision where it is known, and what
// addNewest wants to be told.
func (c *definitions) newest(name string) (d *definition, registered int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.latest[name], c.registered
}

// add keeps a revision that was read.
func (c *definitions) add(d *definition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.byID) >= maxCached {
		c.reset()
	}
	c.byID[d.id] = d
}

// addNewest says that a revision was the newest one when it was read. It is not
// believed if any was registered since: that one may be newer.
func (c *definitions) addNewest(d *definition, registered int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if registered == c.registered {
		c.latest[d.name] = d
	}
}

// renew forgets which revision is the newest one: another has been registered.
func (c *definitions) renew(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.latest, name)
	c.registered++
}

// retire forgets a revision that has become inactive.
func (c *definitions) retire(name string, id int64) {
	c.renew(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byID, id)
}

// RegisterJobDefinition stores a new revision.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
func (s *Service) RegisterJobDefinition(ctx context.Context, in *batchapi.RegisterJobDefinitionRequest) (*batchapi.RegisterJobDefinitionResponse, error) {
	if err := checkDefinition(in); err != nil {
		return nil, err
	}
	spec := in.AppendJSON(nil)
	if len(spec) > maxDefinition {
		return nil, invalid("JobDefinition size must be less than %d KiB, got %d KiB", maxDefinition>>10, (len(spec)+1023)>>10)
	}
	reply, err := s.o.Do(ctx, core.RegisterDefinition{Name: in.JobDefinitionName, Spec: spec})
	if err != nil {
		return nil, err
	}
	s.definitions.renew(in.JobDefinitionName)
	d := &definition{id: reply.ID, name: in.JobDefinitionName, revision: reply.Revision, active: true, req: in}
	s.definitions.add(d)
	return &batchapi.RegisterJobDefinitionResponse{
		JobDefinitionName: d.name, JobDefinitionArn: s.definitionARN(d), Revision: ptr(d.revision),
	}, nil
}

// DescribeJobDefinitions lists revisions, newest first within a name.
func (s *Service) DescribeJobDefinitions(ctx context.Context, in *batchapi.DescribeJobDefinitionsRequest) (*batchapi.DescribeJobDefinitionsResponse, error) {
	limit, err := limitOf(in.MaxResults, maxNames)
	if err != nil {
		return nil, err
	}
	if len(in.JobDefinitions) > maxNames {
		return nil, invalid("At most %d job definitions can be described at once, got %d.", maxNames, len(in.JobDefinitions))
	}
	out := &batchapi.DescribeJobDefinitionsResponse{JobDefinitions: []batchapi.JobDefinition{}}
	if len(in.JobDefinitions) > 0 {
		var rows []core.DefinitionRow
		if err = s.eachNamed(ctx, in.JobDefinitions, limit, func(row core.DefinitionRow) { rows = append(rows, row) }); err != nil {
			return nil, err
		}
		out.JobDefinitions, err = s.definitionDetails(ctx, rows)
		return out, err
	}
	f := store.DefinitionFilter{Limit: limit + 1}
	if in.JobDefinitionName != "" {
		if f.Name, f.Revision, err = definitionRef(in.JobDefinitionName); err != nil {
			return out, nil
		}
	}
	switch strings.ToUpper(in.Status) {
	case "":
	case "ACTIVE", "INACTIVE":
		f.Active = ptr(strings.EqualFold(in.Status, "ACTIVE"))
	default:
		return nil, invalid("status must be ACTIVE or INACTIVE, got %s", in.Status)
	}
	token, err := readToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	if token != "" {
		if f.AfterName, f.BeforeRevision, err = definitionRef(token); err != nil || f.BeforeRevision == 0 {
			return nil, badToken()
		}
	}
	rows, err := s.o.Store.Definitions(ctx, f)
	if err != nil {
		return nil, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		out.NextToken = writeToken(fmt.Sprintf("%s:%d", last.Name, last.Revision))
	}
	out.JobDefinitions, err = s.definitionDetails(ctx, rows)
	return out, err
}

// definitionDetails describes revisions with the tags that they have now.
func (s *Service) definitionDetails(ctx context.Context, rows []core.DefinitionRow) ([]batchapi.JobDefinition, error) {
	tags, err := tagsOf(ctx, s, core.TagDefinition, rows, func(r core.DefinitionRow) int64 { return r.ID })
	if err != nil {
		return nil, err
	}
	out := make([]batchapi.JobDefinition, 0, len(rows))
	for _, row := range rows {
		d, err := decodeDefinition(row)
		if err != nil {
			return nil, err
		}
		detail := s.definitionDetail(d)
		detail.Tags = orMap(tags.over(row.ID, detail.Tags))
		out = append(out, detail)
	}
	return out, nil
}

// eachNamed calls each for the revisions that the references name, up to limit
// for each reference.
func (s *Service) eachNamed(ctx context.Context, refs []string, limit int, each func(core.DefinitionRow)) error {
	slices.Sort(refs)
	for _, ref := range slices.Compact(refs) {
		name, revision, err := definitionRef(ref)
		if err != nil {
			continue // what does not exist is left out
		}
		rows, err := s.o.Store.Definitions(ctx, store.DefinitionFilter{Name: name, Revision: revision, Limit: limit})
		if err != nil {
			return err
		}
		for _, row := range rows {
			each(row)
		}
	}
	return nil
}

func decodeDefinition(row core.DefinitionRow) (*definition, error) {
	d := &definition{id: row.ID, name: row.Name, revision: row.Revision, active: row.Active, req: new(batchapi.RegisterJobDefinitionRequest)}
	if err := d.req.UnmarshalJSON(row.Spec); err != nil {
		return nil, fmt.Errorf("decode job definition %s: %w", d.ref(), err)
	}
	return d, nil
}

func (s *Service) definitionARN(d *definition) string {
	return s.o.Scope.ARN(batch.ARNJobDefinition, d.ref())
}

var definitionPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// definitionRef reads `name`, `name:revision` or the ARN of either. Revision
// zero means the newest active one.
func definitionRef(ref string) (name string, revision int32, err error) {
	bad := invalid("Provided name <%s> is not supported pattern[a-zA-Z_0-9-]{1,128}", ref)
	s, ok := batch.NameOf(batch.ARNJobDefinition, ref)
	if !ok {
		return "", 0, bad
	}
	name, rev, has := strings.Cut(s, ":")
	if !definitionPattern.MatchString(name) {
		return "", 0, bad
	}
	if has {
		n, err := strconv.ParseUint(rev, 10, 31)
		if err != nil || n == 0 {
			return "", 0, bad
		}
		revision = int32(n)
	}
	return name, revision, nil
}

// definitionFor returns the active definition that a submit names.
func (s *Service) definitionFor(ctx context.Context, ref string) (*definition, error) {
	name, revision, err := definitionRef(ref)
	if err != nil {
		return nil, err
	}
	d, registered := s.definitions.newest(name)
	if d != nil && (revision == 0 || revision == d.revision) {
		return d, nil
	}
	rows, err := s.o.Store.Definitions(ctx, store.DefinitionFilter{Name: name, Revision: revision, Active: ptr(true), Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		if strings.HasPrefix(ref, "arn:") {
			return nil, batch.Errorf(batch.NotFound, "JobDefinition %s not found.", ref)
		}
		return nil, batch.Errorf(batch.NotFound, "JobDefinition name %s does not exist or is not in ACTIVE status", ref)
	}
	if d, err = decodeDefinition(rows[0]); err != nil {
		return nil, err
	}
	s.definitions.add(d)
	if revision == 0 {
		s.definitions.addNewest(d, registered)
	}
	return d, nil
}

// definitionsByID returns the definitions of jobs, by row key.
func (s *Service) definitionsByID(ctx context.Context, ids []int64) (map[int64]*definition, error) {
	found := make(map[int64]*definition, len(ids))
	var missing []int64
	s.definitions.mu.RLock()
	for _, id := range ids {
		if d := s.definitions.byID[id]; d != nil {
			found[id] = d
		} else {
			missing = append(missing, id)
		}
	}
	s.definitions.mu.RUnlock()
	if len(missing) == 0 {
		return found, nil
	}
	rows, err := s.o.Store.DefinitionsByID(ctx, missing)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		d, err := decodeDefinition(row)
		if err != nil {
			return nil, err
		}
		s.definitions.add(d)
		found[row.ID] = d
	}
	for _, id := range missing {
		if found[id] == nil {
			return nil, fmt.Errorf("job definition %d is not stored", id)
		}
	}
	return found, nil
}
