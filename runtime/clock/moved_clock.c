// SPDX-License-Identifier: Apache-2.0
// moved_clock.so: another time of day for the programs of a sandbox. `karapace reproduce` has it loaded into them by
// /etc/ld.so.preload, so that a build that writes down when it ran is caught.
//
// The offset in seconds is the target of the link /etc/ld.so.preload.offset. Calls that tell the time of day add it;
// calls that wait until a moment subtract it, else a wait of a second would become one of forty days. Clocks that do
// not tell the time of day (monotonic, CPU time) and the times of files stay as they are.
//
// Nothing of a C library is used, since the sandbox may hold any: kernel calls are made directly, and the functions
// that are wrapped are looked up only where the program's own library can do so (dlsym is a weak reference). Static
// programs load nothing and keep the real time.
#include <linux/fcntl.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <asm/unistd.h>

typedef __kernel_long_t seconds_t;
struct moment {  // struct timespec, on 64-bit machines
  seconds_t seconds;
  long nanoseconds;
};
struct old_moment {  // struct timeval
  seconds_t seconds;
  long microseconds;
};

enum { absolute_timer = 1, at_current_directory = -100, time_utc = 1 };

#if defined(__x86_64__)
static long kernel(long number, long a, long b, long c, long d) {
  long result;
  register long fourth __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static long kernel(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
#else
#error "moved_clock.c knows the kernel calls of x86_64 and aarch64 only"
#endif

#define EXPORT __attribute__((visibility("default")))

// errno is the C library's; where there is none of its kind, nobody looks at it.
__attribute__((weak)) int* __errno_location(void);
__attribute__((weak)) void* dlsym(void* handle, const char* name);
#define NEXT ((void*)-1l)  // RTLD_NEXT

static int answer(long result) {
  if (result >= 0) return (int)result;
  if (__errno_location) *__errno_location() = (int)-result;
  return -1;
}

static seconds_t read_offset(void) {
  char digits[24];
  long length = kernel(__NR_readlinkat, at_current_directory, (long)"/etc/ld.so.preload.offset", (long)digits,
                       sizeof digits);
  seconds_t offset = 0;
  for (long i = 0; i < length; ++i) {
    if (digits[i] < '0' || digits[i] > '9') return 0;
    offset = offset * 10 + (digits[i] - '0');
  }
  return offset;
}

// Read at load time: a program that changes its root later keeps the time it had. Threads that come earlier read the
// same value.
static seconds_t offset;
static int is_known;

__attribute__((constructor)) static void learn_offset(void) {
  if (__atomic_load_n(&is_known, __ATOMIC_ACQUIRE)) return;
  __atomic_store_n(&offset, read_offset(), __ATOMIC_RELAXED);
  __atomic_store_n(&is_known, 1, __ATOMIC_RELEASE);
}

static seconds_t moved_by(void) {
  learn_offset();
  return __atomic_load_n(&offset, __ATOMIC_RELAXED);
}

static int tells_time_of_day(int clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

EXPORT int clock_gettime(int clock, struct moment* now) {
  long result = kernel(__NR_clock_gettime, clock, (long)now, 0, 0);
  if (result == 0 && tells_time_of_day(clock)) now->seconds += moved_by();
  return answer(result);
}

EXPORT int gettimeofday(struct old_moment* now, void* zone) {
  long result = kernel(__NR_gettimeofday, (long)now, (long)zone, 0, 0);
  if (result == 0 && now) now->seconds += moved_by();
  return answer(result);
}

EXPORT seconds_t time(seconds_t* place) {
  struct moment now = {0, 0};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (place) *place = now.seconds;
  return now.seconds;
}

EXPORT int timespec_get(struct moment* now, int base) {
  if (base != time_utc) return 0;
  return clock_gettime(CLOCK_REALTIME, now) == 0 ? base : 0;
}

struct ftime_answer {  // struct timeb
  seconds_t seconds;
  unsigned short milliseconds;
  short zone;
  short daylight_saving;
};

EXPORT int ftime(struct ftime_answer* place) {
  struct moment now = {0, 0};
  clock_gettime(CLOCK_REALTIME, &now);
  place->seconds = now.seconds;
  place->milliseconds = (unsigned short)(now.nanoseconds / 1000000);
  place->zone = 0;
  place->daylight_saving = 0;
  return 0;
}

// A moment that a program computed from the moved time, as the kernel knows it. Which clock a wait is about is not
// always told; a machine that is not up for thirty years has no monotonic time as late as a time of day.
static struct moment real(const struct moment* moved) {
  struct moment result = *moved;
  if (result.seconds > 1000000000) result.seconds -= moved_by();
  return result;
}

EXPORT int clock_nanosleep(int clock, int flags, const struct moment* until, struct moment* left) {
  struct moment moment = *until;
  if ((flags & absolute_timer) && tells_time_of_day(clock)) moment = real(until);
  return (int)-kernel(__NR_clock_nanosleep, clock, flags, (long)&moment, (long)left);
}

#define NOT_SUPPORTED 95  // EOPNOTSUPP: only where a program has the wrapped function without a dynamic linker

EXPORT int pthread_cond_timedwait(void* condition, void* mutex, const struct moment* until) {
  int (*wrapped)(void*, void*, const struct moment*) = 0;
  if (dlsym) *(void**)&wrapped = dlsym(NEXT, "pthread_cond_timedwait");
  struct moment moment = real(until);
  return wrapped ? wrapped(condition, mutex, &moment) : NOT_SUPPORTED;
}

EXPORT int pthread_mutex_timedlock(void* mutex, const struct moment* until) {
  int (*wrapped)(void*, const struct moment*) = 0;
  if (dlsym) *(void**)&wrapped = dlsym(NEXT, "pthread_mutex_timedlock");
  struct moment moment = real(until);
  return wrapped ? wrapped(mutex, &moment) : NOT_SUPPORTED;
}

EXPORT int sem_timedwait(void* semaphore, const struct moment* until) {
  int (*wrapped)(void*, const struct moment*) = 0;
  if (dlsym) *(void**)&wrapped = dlsym(NEXT, "sem_timedwait");
  struct moment moment = real(until);
  if (wrapped) return wrapped(semaphore, &moment);
  return answer(-NOT_SUPPORTED);
}
