/* occupy holds memory of a GPU and keeps it busy for a while: a real CUDA
 * program that takes no CUDA toolkit to build and none to run, only the driver
 * (libcuda.so.1), whose interface is that of
 * https://docs.nvidia.com/cuda/cuda-driver-api/.
 *
 *     occupy --mebibytes 2048 --seconds 5 --report report.txt
 *
 * takes the first device that it sees, allocates that much there by plain
 * allocations (no managed memory, which would not run out), and runs a kernel
 * that waits for the device's clock until the time is over. The report has a
 * line each for the device, its memory, what was allocated, and when it had the
 * device (nanoseconds since 1970).
 *
 * Exit codes: 0 done, 1 CUDA failed, 2 usage, 3 there is no CUDA here. With
 * --swallow it says that memory ran out in words of its own and ends with 0
 * and without a report, as tools do that go on with the next item. --probe
 * only looks whether there is a device, and --library NAME loads another
 * library than libcuda.so.1.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct handle *CUhandle; /* of a context, a module, a function or a stream */

enum { CUDA_SUCCESS = 0, CUDA_ERROR_OUT_OF_MEMORY = 2 };
enum { MOST_BLOCKS = 1 << 16 };

static CUresult (*cuInit)(unsigned flags);
static CUresult (*cuDriverGetVersion)(int *version);
static CUresult (*cuDeviceGetCount)(int *count);
static CUresult (*cuDeviceGet)(CUdevice *device, int ordinal);
static CUresult (*cuDeviceGetName)(char *name, int size, CUdevice device);
static CUresult (*cuDeviceTotalMem)(size_t *bytes, CUdevice device);
static CUresult (*cuCtxCreate)(CUhandle *context, unsigned flags, CUdevice device);
static CUresult (*cuCtxSynchronize)(void);
static CUresult (*cuCtxDestroy)(CUhandle context);
static CUresult (*cuMemAlloc)(CUdeviceptr *address, size_t bytes);
static CUresult (*cuMemFree)(CUdeviceptr address);
static CUresult (*cuModuleLoadData)(CUhandle *module, const void *image);
static CUresult (*cuModuleGetFunction)(CUhandle *function, CUhandle module, const char *name);
static CUresult (*cuLaunchKernel)(CUhandle function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                                  unsigned shared, CUhandle stream, void **params, void **extra);
static CUresult (*cuGetErrorName)(CUresult error, const char **name);

/* Waits for so many ticks of the multiprocessor's clock. For compute
 * capability 7.5 and later. */
static const char spin_ptx[] =
    ".version 6.3\n"
    ".target sm_75\n"
    ".address_size 64\n"
    ".visible .entry spin(.param .u64 ticks)\n"
    "{\n"
    "    .reg .pred %p1;\n"
    "    .reg .u64 %rd<5>;\n"
    "    ld.param.u64 %rd1, [ticks];\n"
    "    mov.u64 %rd2, %clock64;\n"
    "again:\n"
    "    mov.u64 %rd3, %clock64;\n"
    "    sub.u64 %rd4, %rd3, %rd2;\n"
    "    setp.lt.u64 %p1, %rd4, %rd1;\n"
    "    @%p1 bra again;\n"
    "    ret;\n"
    "}\n";

static const char *error_name(CUresult error)
{
    const char *name = NULL;
    if (cuGetErrorName != NULL && cuGetErrorName(error, &name) == CUDA_SUCCESS && name != NULL)
        return name;
    return "an error without a name";
}

static void must(CUresult error, const char *what)
{
    if (error == CUDA_SUCCESS)
        return;
    fprintf(stderr, "occupy: %s: %s (%d)\n", what, error_name(error), error);
    exit(1);
}

static void no_cuda(const char *why)
{
    fprintf(stderr, "occupy: there is no GPU that CUDA can use here: %s\n", why);
    exit(3);
}

/* load finds a function by the name that it has in the library: of some a
 * version, which stays what it is. */
static void load(void *library, void *function, size_t size, const char *name)
{
    void *symbol = dlsym(library, name);
    if (symbol == NULL)
        no_cuda(name);
    memcpy(function, &symbol, size);
}

#define LOAD(function, name) load(library, &function, sizeof function, name)

static void load_all(const char *file)
{
    void *library = dlopen(file, RTLD_NOW);
    if (library == NULL)
        no_cuda(dlerror());
    LOAD(cuInit, "cuInit");
    LOAD(cuDriverGetVersion, "cuDriverGetVersion");
    LOAD(cuDeviceGetCount, "cuDeviceGetCount");
    LOAD(cuDeviceGet, "cuDeviceGet");
    LOAD(cuDeviceGetName, "cuDeviceGetName");
    LOAD(cuDeviceTotalMem, "cuDeviceTotalMem_v2");
    LOAD(cuCtxCreate, "cuCtxCreate_v2");
    LOAD(cuCtxSynchronize, "cuCtxSynchronize");
    LOAD(cuCtxDestroy, "cuCtxDestroy_v2");
    LOAD(cuMemAlloc, "cuMemAlloc_v2");
    LOAD(cuMemFree, "cuMemFree_v2");
    LOAD(cuModuleLoadData, "cuModuleLoadData");
    LOAD(cuModuleGetFunction, "cuModuleGetFunction");
    LOAD(cuLaunchKernel, "cuLaunchKernel");
    LOAD(cuGetErrorName, "cuGetErrorName");
}

static int64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void usage(void)
{
    fprintf(stderr, "usage: occupy [--library NAME] --probe | --mebibytes N --seconds N --report FILE [--swallow]\n");
    exit(2);
}

static long number(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || n < 0)
        usage();
    return n;
}

int main(int argc, char **argv)
{
    const char *library = "libcuda.so.1", *report = NULL, *visible;
    long mebibytes = -1, seconds = -1;
    int swallow = 0, probe = 0, count = 0, version = 0, i;
    static CUdeviceptr blocks[MOST_BLOCKS];
    size_t total = 0, left, held = 0, block, used = 0;
    unsigned long long ticks = 50 * 1000 * 1000; /* some 30 ms */
    void *params[1];
    CUhandle context = NULL, module = NULL, spin = NULL;
    CUdevice device;
    CUresult error;
    char name[256] = "";
    int64_t begin, until;
    FILE *out;

    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--swallow") == 0)
            swallow = 1;
        else if (strcmp(argv[i], "--probe") == 0)
            probe = 1;
        else if (i + 1 == argc)
            usage();
        else if (strcmp(argv[i], "--library") == 0)
            library = argv[++i];
        else if (strcmp(argv[i], "--report") == 0)
            report = argv[++i];
        else if (strcmp(argv[i], "--mebibytes") == 0)
            mebibytes = number(argv[++i]);
        else if (strcmp(argv[i], "--seconds") == 0)
            seconds = number(argv[++i]);
        else
            usage();
    }
    if (!probe && (report == NULL || mebibytes < 0 || seconds < 0))
        usage();

    load_all(library);
    error = cuInit(0);
    if (error != CUDA_SUCCESS)
        no_cuda(error_name(error));
    must(cuDriverGetVersion(&version), "cuDriverGetVersion");
    must(cuDeviceGetCount(&count), "cuDeviceGetCount");
    if (count == 0)
        no_cuda("none is visible");
    must(cuDeviceGet(&device, 0), "cuDeviceGet");
    must(cuDeviceGetName(name, sizeof name - 1, device), "cuDeviceGetName");
    must(cuDeviceTotalMem(&total, device), "cuDeviceTotalMem");
    printf("device %s\ntotal %zu\nvisible %d\ncuda %d\n", name, total, count, version);
    fflush(stdout);
    if (probe)
        return 0;

    must(cuCtxCreate(&context, 0, device), "cuCtxCreate");
    begin = nanoseconds();
    for (left = (size_t)mebibytes << 20; left > 0 && used < MOST_BLOCKS; left -= block) {
        block = left < (size_t)64 << 20 ? left : (size_t)64 << 20;
        error = cuMemAlloc(&blocks[used], block);
        if (error == CUDA_ERROR_OUT_OF_MEMORY && swallow) {
            printf("no room on the device for %ld MiB, going on with the next item\n", mebibytes);
            return 0;
        }
        must(error, "cuMemAlloc");
        used++;
        held += block;
    }
    must(cuModuleLoadData(&module, spin_ptx), "cuModuleLoadData");
    must(cuModuleGetFunction(&spin, module, "spin"), "cuModuleGetFunction");
    params[0] = &ticks;
    for (until = begin + (int64_t)seconds * 1000000000; nanoseconds() < until;) {
        must(cuLaunchKernel(spin, 1, 1, 1, 1, 1, 1, 0, NULL, params, NULL), "cuLaunchKernel");
        must(cuCtxSynchronize(), "cuCtxSynchronize");
    }
    while (used > 0)
        must(cuMemFree(blocks[--used]), "cuMemFree");
    until = nanoseconds();
    must(cuCtxDestroy(context), "cuCtxDestroy");

    visible = getenv("CUDA_VISIBLE_DEVICES");
    out = fopen(report, "w");
    if (out == NULL || fprintf(out, "device %s\ntotal %zu\nallocated %zu\nvisible %d\ngranted %s\nbegin %lld\nend %lld\n", name, total, held, count,
                               visible == NULL ? "" : visible, (long long)begin, (long long)until) < 0 || fclose(out) != 0) {
        perror(report);
        return 1;
    }
    return 0;
}
