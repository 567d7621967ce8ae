/* The rules of sessions and runs as one would write them down in C: a loop over the events in order
 * of time, with the state of every session in an array of structs. Runs are kept in the order in
 * which they end or are taken over from, and brought into the order of sessions at the end.
 *
 * Codes are those of the package: places in the lists of operations, kinds, errors, causes and
 * statuses. Times are milliseconds; NAT stands for none. Runs play to their end.
 */
#include <stdlib.h>

#include "peer_rules.h"

#define NONE -1

enum { COMPLETED = 3, TIMED_OUT, CRASHED };

typedef struct {
    i64 triggered_at, free_at, active, idle, suspended, ended_at;
    int32_t owner, number, turns, resumes;
    int8_t reason, cause;
} Run;

typedef struct {
    i64 expires_at, closed_at, updated_at;
    int32_t session, n_runs, accepted;
    Run run;
} State;

typedef struct {
    int16_t *status_code;
    int8_t *error, *is_cached, *start_kind;
    i64 *waited;
    int32_t *session, *run;
} Events;

typedef struct {
    int32_t *created_by;
    i64 *created_at, *updated_at, *closed_at, *expires_at;
    int32_t *current_run;
} Sessions;

typedef struct {
    int32_t *owner, *number;
    int8_t *reason, *status;
    i64 *triggered_at, *ended_at;
    int8_t *end_cause;
    int32_t *turns, *resumes;
    i64 *active, *idle, *suspended;
} Runs;

/* Everything between two calls: what `play` found out, until `collect` has copied it out. */
typedef struct {
    State *states;
    i64 *order, n_sessions;
    Run *ended;
    i64 n_ended, room;
} World;

static i64 end_of(const Run *run, const Policy *policy)
{
    if (run->ended_at != NAT)
        return run->ended_at;
    return run->free_at + policy->idle_timeout + policy->turn_timeout;
}

static int is_live(const State *state, i64 at, const Policy *policy)
{
    return state->n_runs > 0 && at < end_of(&state->run, policy);
}

static i64 last_busy(const Run *run) { return run->turns ? run->free_at : run->triggered_at; }

static void rest(Run *run, i64 until, const Policy *policy)
{
    i64 quiet = until - run->free_at;
    if (quiet <= 0)
        return;
    i64 idle = quiet < policy->idle_timeout ? quiet : policy->idle_timeout;
    run->idle += idle;
    run->suspended += quiet - idle;
}

static void fix_end(Run *run, i64 at, i64 ended_at, int cause, const Policy *policy)
{
    rest(run, at, policy);
    run->ended_at = ended_at;
    run->cause = cause;
}

static void put_away(World *world, State *state, const Policy *policy)
{
    if (state->n_runs == 0)
        return;
    if (state->run.ended_at == NAT) {
        i64 end = end_of(&state->run, policy);
        fix_end(&state->run, end, end, TURN_TIMEOUT, policy);
    }
    if (world->n_ended == world->room) {
        world->room = 2 * world->room + 1024;
        world->ended = realloc(world->ended, world->room * sizeof(Run));
    }
    world->ended[world->n_ended++] = state->run;
}

static void trigger(State *state, int reason, i64 at, const Policy *policy)
{
    Run run = {.triggered_at = at, .free_at = at + policy->boot_time, .ended_at = NAT,
               .owner = state->session, .number = state->n_runs++, .reason = reason,
               .cause = OPEN};
    state->run = run;
}

static void take_turn(World *world, State *state, i64 at, i64 duration, int is_new,
                      const Policy *policy, uint64_t hash, int8_t *kind_out, i64 *waited)
{
    Run *run = &state->run;
    int kind = DEAD;
    i64 start = at, suspended_at = run->free_at + policy->idle_timeout;
    if (is_live(state, at, policy)) {
        if (run->ended_at != NAT) {
            kind = QUEUED;
        } else if (at < run->free_at) {
            kind = QUEUED;
            start = run->free_at;
        } else if (at < suspended_at) {
            kind = WARM;
        } else {
            kind = RESUMED;
            start = at + policy->resume_time;
        }
    }
    if (kind == DEAD) {
        put_away(world, state, policy);
        kind = is_new ? INITIAL : CONTINUATION;
        trigger(state, kind, at, policy);
        start = run->free_at;
    } else if (run->ended_at != NAT) {
        i64 ended_at = run->ended_at;
        put_away(world, state, policy);
        trigger(state, CONTINUATION, ended_at, policy);
        start = run->free_at;
    }
    if (policy->n_deploys) {
        i64 deployed_at = latest_deploy(policy, start);
        if (deployed_at > run->triggered_at) {
            i64 ended_at = max(max(last_busy(run), at), deployed_at);
            fix_end(run, at, ended_at, UPGRADE, policy);
            put_away(world, state, policy);
            kind = UPGRADED;
            trigger(state, kind, ended_at, policy);
            start = run->free_at;
        }
    }
    int cause = OPEN;
    run->turns++;
    if (run->active + duration >= policy->max_duration) {
        duration = policy->max_duration - run->active;
        cause = MAX_DURATION;
    } else if (policy->crash_rate > 0 && uniform(policy, hash, state->accepted) < policy->crash_rate) {
        cause = CRASH;
    } else if (run->turns == policy->max_turns) {
        cause = MAX_TURNS;
    }
    rest(run, at, policy);
    run->free_at = start + duration;
    run->active += duration;
    run->resumes += kind == RESUMED;
    if (cause != OPEN) {
        run->ended_at = run->free_at;
        run->cause = cause;
    }
    state->accepted++;
    *kind_out = kind;
    *waited = start - at;
}

static void answer(Events *out, i64 i, int status_code, int error, int is_cached)
{
    out->status_code[i] = status_code;
    out->error[i] = error;
    out->is_cached[i] = is_cached;
}

/* Play events in order of time; tell how many sessions and runs there are. */
World *play(i64 n, i64 n_chats, const i64 *at, const int8_t *op, const i64 *chat,
            const i64 *turn_duration, const i64 *expires_at, const uint64_t *hashes,
            const Policy *policy, Events *out, i64 *n_sessions, i64 *n_runs)
{
    World *world = calloc(1, sizeof(World));
    world->states = malloc(n_chats * sizeof(State));
    world->order = malloc(n_chats * sizeof(i64));
    for (i64 c = 0; c < n_chats; c++)
        world->states[c].session = NONE;
    for (i64 i = 0; i < n; i++) {
        State *state = &world->states[chat[i]];
        i64 now = at[i], turn = NAT;
        int is_new = 0;
        out->start_kind[i] = NONE;
        out->waited[i] = NAT;
        out->run[i] = NONE;
        if (state->session == NONE && op[i] == START) {
            is_new = 1;
            State fresh = {.expires_at = expires_at[i], .closed_at = NAT, .updated_at = now,
                           .session = world->n_sessions};
            *state = fresh;
            world->order[world->n_sessions++] = i;
        }
        out->session[i] = state->session;
        if (state->session == NONE) {
            answer(out, i, 404, op[i] == MESSAGE ? 2 : op[i] == CLOSE ? 5 : 6, NONE);
            continue;
        }
        int is_closed = state->closed_at != NAT;
        int is_expired = state->expires_at != NAT && state->expires_at < now;
        if (op[i] == START) {
            if (is_closed || is_expired) {
                answer(out, i, 409, is_closed ? 0 : 1, NONE);
                continue;
            }
            answer(out, i, is_new ? 201 : 200, NONE, !is_new);
            state->updated_at = now;
            if (is_new)
                turn = turn_duration[i];
            if (turn == NAT) {
                if (!is_live(state, now, policy)) {
                    put_away(world, state, policy);
                    trigger(state, is_new ? INITIAL : CONTINUATION, now, policy);
                }
                out->run[i] = state->run.number;
            }
        } else if (op[i] == MESSAGE) {
            if (is_closed || is_expired) {
                answer(out, i, is_closed ? 409 : 400, is_closed ? 3 : 4, NONE);
                continue;
            }
            answer(out, i, 200, NONE, NONE);
            turn = turn_duration[i] == NAT ? policy->turn_duration : turn_duration[i];
        } else {
            answer(out, i, 200, NONE, NONE);
            if (op[i] == CLOSE && !is_closed) {
                state->closed_at = state->updated_at = now;
                if (is_live(state, now, policy) && state->run.ended_at == NAT)
                    fix_end(&state->run, now, max(last_busy(&state->run), now), SESSION_CLOSED,
                            policy);
            }
        }
        if (turn != NAT) {
            take_turn(world, state, now, turn, is_new, policy, hashes ? hashes[chat[i]] : 0,
                      &out->start_kind[i], &out->waited[i]);
            out->run[i] = state->run.number;
        }
    }
    for (i64 s = 0; s < world->n_sessions; s++)
        put_away(world, &world->states[chat[world->order[s]]], policy);
    *n_sessions = world->n_sessions;
    *n_runs = world->n_ended;
    return world;
}

/* Copy sessions and runs out in their order, give events the rows of their runs, and clear away. */
void collect(World *world, i64 n, const i64 *at, const i64 *chat, Events *events,
             Sessions *sessions, Runs *runs)
{
    i64 *first_run = malloc((world->n_sessions + 1) * sizeof(i64));
    first_run[0] = 0;
    for (i64 s = 0; s < world->n_sessions; s++) {
        const State *state = &world->states[chat[world->order[s]]];
        i64 next = first_run[s] + state->n_runs;
        first_run[s + 1] = next;
        sessions->created_by[s] = world->order[s];
        sessions->created_at[s] = at[world->order[s]];
        sessions->updated_at[s] =
            state->n_runs ? max(state->updated_at, state->run.triggered_at) : state->updated_at;
        sessions->closed_at[s] = state->closed_at;
        sessions->expires_at[s] = state->expires_at;
        sessions->current_run[s] = state->n_runs ? next - 1 : NONE;
    }
    for (i64 i = 0; i < n; i++)
        if (events->run[i] != NONE)
            events->run[i] += first_run[events->session[i]];
    for (i64 r = 0; r < world->n_ended; r++) {
        const Run *run = &world->ended[r];
        i64 row = first_run[run->owner] + run->number;
        runs->owner[row] = run->owner;
        runs->number[row] = run->number;
        runs->reason[row] = run->reason;
        runs->status[row] = run->cause == MAX_DURATION ? TIMED_OUT
                            : run->cause == CRASH      ? CRASHED
                                                       : COMPLETED;
        runs->triggered_at[row] = run->triggered_at;
        runs->ended_at[row] = run->ended_at;
        runs->end_cause[row] = run->cause;
        runs->turns[row] = run->turns;
        runs->resumes[row] = run->resumes;
        runs->active[row] = run->active;
        runs->idle[row] = run->idle;
        runs->suspended[row] = run->suspended;
    }
    free(first_run);
    free(world->ended);
    free(world->order);
    free(world->states);
    free(world);
}
