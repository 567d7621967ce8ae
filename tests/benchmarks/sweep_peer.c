/* The rules of sessions and runs as one would write them down in C, for events that are grouped by
 * session already: one session after the other, the run at hand in a struct of the loop's own, and
 * what comes of it only added up. Codes are those of the package; times are milliseconds.
 */
#include "peer_rules.h"

/* The answers in the order in which the package counts them. */
enum { CREATED, CACHED, START_CLOSED, START_EXPIRED, ACCEPTED, APPEND_MISSING, APPEND_CLOSED,
       APPEND_EXPIRED, CLOSE_OK, CLOSE_MISSING, RETRIEVED, RETRIEVE_MISSING };

#define EXACT 65536
#define SHARE 1024

typedef struct {
    i64 *verdicts, *waits, *reasons, *end_causes, *totals;
} Sums;

typedef struct {
    i64 triggered_at, free_at, active, idle, suspended, ended_at, turns, resumes;
    i64 active_ahead, turns_ahead, resumes_ahead; /* What of it lies behind the horizon. */
    int reason, cause, exists;
} Run;

static i64 bin_of(i64 waited)
{
    i64 octave = 0;
    if (waited < EXACT)
        return waited;
    while (waited >> octave >= 2 * EXACT)
        octave++;
    return EXACT + octave * SHARE + ((waited >> octave) - EXACT) / (EXACT / SHARE);
}

static int is_preloaded(const Run *run) { return run->turns == 0 && run->reason == INITIAL; }

static i64 idle_of(const Run *run, const Policy *policy)
{
    return is_preloaded(run) ? policy->preload_idle_timeout : policy->idle_timeout;
}

static i64 end_of(const Run *run, const Policy *policy)
{
    if (run->ended_at != NAT)
        return run->ended_at;
    i64 patience = is_preloaded(run) ? policy->preload_timeout : policy->turn_timeout;
    return run->free_at + idle_of(run, policy) + patience;
}

static int is_live(const Run *run, i64 at, const Policy *policy)
{
    return run->exists && at < end_of(run, policy);
}

static i64 last_busy(const Run *run) { return run->turns ? run->free_at : run->triggered_at; }

static void rest(Run *run, i64 until, const Policy *policy)
{
    i64 quiet = until - run->free_at, awake = idle_of(run, policy);
    if (quiet <= 0)
        return;
    i64 idle = quiet < awake ? quiet : awake;
    run->idle += idle;
    run->suspended += quiet - idle;
}

static void fix_end(Run *run, i64 at, i64 ended_at, int cause, const Policy *policy)
{
    rest(run, at, policy);
    run->ended_at = ended_at;
    run->cause = cause;
}

static void put_away(Run *run, const Policy *policy, Sums *sums)
{
    if (!run->exists || run->triggered_at > policy->until)
        return;
    i64 end = end_of(run, policy);
    int is_open = end > policy->until, cause = run->cause;
    if (run->ended_at == NAT) {
        cause = policy->exits_preload && is_preloaded(run) ? PRELOAD_EXIT : TURN_TIMEOUT;
        rest(run, is_open ? policy->until : end, policy);
    }
    sums->reasons[run->reason]++;
    sums->end_causes[is_open ? OPEN : cause]++;
    sums->totals[0] += run->turns - (is_open ? run->turns_ahead : 0);
    sums->totals[1] += run->resumes - (is_open ? run->resumes_ahead : 0);
    sums->totals[2] += run->active - (is_open ? run->active_ahead : 0);
    sums->totals[3] += run->idle;
    sums->totals[4] += run->suspended;
}

static void trigger(Run *run, int reason, i64 at, const Policy *policy)
{
    *run = (Run){.triggered_at = at, .free_at = at + policy->boot_time, .ended_at = NAT,
                 .reason = reason, .cause = OPEN, .exists = 1};
}

static int take_turn(Run *run, i64 at, i64 duration, int is_new, i64 accepted, uint64_t hash,
                     const Policy *policy, Sums *sums)
{
    int kind = DEAD;
    i64 start = at;
    if (is_live(run, at, policy)) {
        if (run->ended_at != NAT) {
            kind = QUEUED;
        } else if (at < run->free_at) {
            kind = QUEUED;
            start = run->free_at;
        } else if (at < run->free_at + idle_of(run, policy)) {
            kind = WARM;
        } else {
            kind = RESUMED;
            start = at + policy->resume_time;
        }
    }
    if (kind == DEAD) {
        put_away(run, policy, sums);
        kind = is_new ? INITIAL : CONTINUATION;
        trigger(run, kind, at, policy);
        start = run->free_at;
    } else if (run->ended_at != NAT) {
        i64 ended_at = run->ended_at;
        put_away(run, policy, sums);
        trigger(run, CONTINUATION, ended_at, policy);
        start = run->free_at;
    }
    if (policy->hands_over) {
        i64 deployed_at = latest_deploy(policy, start);
        if (deployed_at > run->triggered_at) {
            i64 ended_at = max(max(last_busy(run), at), deployed_at);
            fix_end(run, at, ended_at, UPGRADE, policy);
            put_away(run, policy, sums);
            kind = UPGRADED;
            trigger(run, kind, ended_at, policy);
            start = run->free_at;
        }
    }
    int cause = OPEN;
    if (duration >= policy->max_duration - run->active) {
        duration = policy->max_duration - run->active;
        cause = MAX_DURATION;
    } else if (policy->crash_rate > 0 && uniform(policy, hash, accepted) < policy->crash_rate) {
        cause = CRASH;
    } else if (run->turns + 1 == policy->max_turns) {
        cause = MAX_TURNS;
    }
    i64 end = start + duration;
    if (end > policy->until) {
        run->active_ahead += end - max(start, policy->until);
        run->turns_ahead += start > policy->until;
        run->resumes_ahead += start > policy->until && kind == RESUMED;
    }
    rest(run, at, policy);
    run->turns++;
    run->free_at = end;
    run->active += duration;
    run->resumes += kind == RESUMED;
    if (cause != OPEN) {
        run->ended_at = run->free_at;
        run->cause = cause;
    }
    if (start > policy->until)
        return -1;
    sums->waits[bin_of(start - at)]++;
    sums->totals[5] += start - at;
    return kind;
}

/* Play all sessions under one policy, as they stand at the horizon. */
void sweep(i64 n_sessions, const i64 *bounds, const i64 *at, const int8_t *op,
           const i64 *turn_duration, const i64 *expires_at, const uint64_t *hashes,
           const Policy *policy, i64 *verdicts, i64 *waits, i64 *reasons, i64 *end_causes,
           i64 *totals)
{
    Sums sums = {verdicts, waits, reasons, end_causes, totals};
    for (i64 session = 0; session < n_sessions; session++) {
        Run run = {.exists = 0};
        i64 expiry = expires_at[session], accepted = 0;
        int is_new = 1, is_closed = 0;
        for (i64 event = bounds[session]; event < bounds[session + 1]; event++) {
            i64 now = at[event], turn = NAT;
            int is_expired = expiry != NAT && expiry < now, kind = -1, answer;
            if (op[event] == START) {
                answer = is_closed ? START_CLOSED : is_expired ? START_EXPIRED : is_new ? CREATED : CACHED;
                turn = answer == CREATED ? turn_duration[event] : NAT;
                if (turn == NAT && answer <= CACHED && !is_live(&run, now, policy)) {
                    put_away(&run, policy, &sums);
                    trigger(&run, answer == CREATED ? INITIAL : CONTINUATION, now, policy);
                }
            } else if (op[event] == MESSAGE) {
                answer = is_closed ? APPEND_CLOSED : is_expired ? APPEND_EXPIRED : ACCEPTED;
                if (answer == ACCEPTED)
                    turn = turn_duration[event] == NAT ? policy->turn_duration : turn_duration[event];
            } else if (op[event] == CLOSE) {
                answer = CLOSE_OK;
                if (!is_closed && is_live(&run, now, policy) && run.ended_at == NAT)
                    fix_end(&run, now, max(last_busy(&run), now), SESSION_CLOSED, policy);
                is_closed = 1;
            } else {
                answer = RETRIEVED;
            }
            if (turn != NAT)
                kind = take_turn(&run, now, turn, answer == CREATED, accepted++, hashes[session],
                                 policy, &sums);
            is_new = 0;
            verdicts[answer * 8 + kind + 1]++;
        }
        put_away(&run, policy, &sums);
    }
}
