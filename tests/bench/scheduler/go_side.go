// go_side: Go's side, see side.h. `go_side WORKERS` sets GOMAXPROCS.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func spawnAwait(goroutines int) {
	var done sync.WaitGroup
	for i := 0; i < goroutines; i++ {
		done.Add(1)
		go done.Done()
		done.Wait()
	}
}

func batch(goroutines int) {
	var done sync.WaitGroup
	done.Add(goroutines)
	for i := 0; i < goroutines; i++ {
		go done.Done()
	}
	done.Wait()
}

func yield(goroutines, yields int) {
	var done sync.WaitGroup
	done.Add(goroutines)
	for i := 0; i < goroutines; i++ {
		go func() {
			for j := 0; j < yields; j++ {
				runtime.Gosched()
			}
			done.Done()
		}()
	}
	done.Wait()
}

func fibonacci(n int, result *int, parent *sync.WaitGroup) {
	*result = n
	if n >= 2 {
		var left, right int
		var both sync.WaitGroup
		both.Add(2)
		go fibonacci(n-1, &left, &both)
		go fibonacci(n-2, &right, &both)
		both.Wait()
		*result = left + right
	}
	parent.Done()
}

func forkJoin(n int) {
	var result int
	var root sync.WaitGroup
	root.Add(1)
	go fibonacci(n, &result, &root)
	root.Wait()
}

// start is what times are counted from: time.Since reads the monotonic clock alone.
var start = time.Now()

const (
	running = iota + 1
	waits
)

func spinUntil(state *int32, wanted int32) {
	for atomic.LoadInt32(state) != wanted {
	}
}

// wakeOnce is wake.h's: the end of a goroutine wakes one that is bound to another thread.
func wakeOnce(pause time.Duration) time.Duration {
	var state int32
	var told time.Duration
	wake := make(chan struct{}, 1)
	go func() {
		atomic.StoreInt32(&state, running)
		spinUntil(&state, waits)
		begin := time.Since(start)
		for told = begin; told-begin < pause; {
			told = time.Since(start)
		}
		wake <- struct{}{}
	}()
	spinUntil(&state, running)
	atomic.StoreInt32(&state, waits)
	<-wake
	return time.Since(start) - told
}

// wakeMedian binds its goroutine to its thread, as Weft's main fiber is; one that is not would go
// on where the other has ended.
func wakeMedian(wakes int, pause time.Duration) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	latencies := make([]int, wakes)
	for i := range latencies {
		latencies[i] = int(wakeOnce(pause))
	}
	sort.Ints(latencies)
	return float64(latencies[wakes/2])
}

// now is the processor's time where one thread runs goroutines, as side.h has it.
func now() time.Duration {
	if runtime.GOMAXPROCS(0) > 1 {
		return time.Since(start)
	}
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func timed(load func()) float64 {
	begin := now()
	load()
	return float64(now() - begin)
}

func measure(load string, first, second int) float64 {
	switch load {
	case "spawn_await":
		return timed(func() { spawnAwait(first) })
	case "batch":
		return timed(func() { batch(first) })
	case "yield":
		return timed(func() { yield(first, second) })
	case "fork_join":
		return timed(func() { forkJoin(first) })
	case "wake":
		return wakeMedian(first, time.Duration(second))
	}
	fmt.Fprintf(os.Stderr, "go_side: what is the load %q?\n", load)
	os.Exit(1)
	return 0
}

func main() {
	if workers, err := strconv.Atoi(strings.Join(os.Args[1:], "")); err == nil {
		runtime.GOMAXPROCS(workers)
	}
	fmt.Println("Go", strings.TrimPrefix(runtime.Version(), "go"))
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var load string
		var first, second int
		fmt.Sscan(lines.Text(), &load, &first, &second)
		fmt.Printf("%.3f\n", measure(load, first, second))
	}
}
