/* What the loops in C have in common: codes of the package, a policy, crashes and deploys. Times are
 * milliseconds; NAT stands for none.
 */
#include <stdint.h>

typedef int64_t i64;

#define NAT INT64_MIN

enum { START, MESSAGE, CLOSE, RETRIEVE };
enum { INITIAL, CONTINUATION, UPGRADED, QUEUED, WARM, RESUMED, DEAD };
enum { TURN_TIMEOUT, MAX_TURNS, MAX_DURATION, CRASH, UPGRADE, CANCELLED, SESSION_CLOSED, PRELOAD_EXIT,
       OPEN };

typedef struct {
    i64 idle_timeout, turn_timeout, max_turns, max_duration, preload_idle_timeout, preload_timeout;
    i64 exits_preload, hands_over, boot_time, resume_time, turn_duration;
    double crash_rate;
    uint64_t key[2];
    const i64 *deploys;
    i64 n_deploys, until;
} Policy;

static i64 max(i64 a, i64 b) { return a > b ? a : b; }

static double uniform(const Policy *policy, uint64_t hash, uint64_t accepted)
{
    uint64_t c[4] = {accepted + 1, hash, 0, 0}, k[2] = {policy->key[0], policy->key[1]};
    for (int round = 0; round < 10; round++) {
        unsigned __int128 a = (unsigned __int128)0xD2E7470EE14C6C93u * c[0];
        unsigned __int128 b = (unsigned __int128)0xCA5A826395121157u * c[2];
        c[0] = (uint64_t)(b >> 64) ^ c[1] ^ k[0];
        c[1] = (uint64_t)b;
        c[2] = (uint64_t)(a >> 64) ^ c[3] ^ k[1];
        c[3] = (uint64_t)a;
        k[0] += 0x9E3779B97F4A7C15u;
        k[1] += 0xBB67AE8584CAA73Bu;
    }
    return (double)(c[0] >> 11) * 0x1p-53;
}

static i64 latest_deploy(const Policy *policy, i64 at)
{
    i64 low = 0, high = policy->n_deploys;
    while (low < high) {
        i64 middle = (low + high) / 2;
        if (policy->deploys[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? policy->deploys[low - 1] : NAT;
}
