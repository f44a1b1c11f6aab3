using System.Diagnostics;
using Calico.Linux;
using NUnit.Framework;

namespace Calico.KernelTests.Linux;

public sealed class MemoryBarrierTests
{
    /// <summary>With more than one CPU an RCU grace period cannot be over at once, each time.</summary>
    [Test]
    public void Global_barrier_is_there_unless_the_kernel_runs_without_ticks_and_waits_for_packets()
    {
        var isTickless = File.Exists("/sys/devices/system/cpu/nohz_full") && File.ReadAllText("/sys/devices/system/cpu/nohz_full")
            .Trim() is not ("" or "(null)");
        Assert.That(MemoryBarriers.HasGlobal, Is.EqualTo(!isTickless));
        var start = Stopwatch.GetTimestamp();
        const int Times = 10;
        for (var i = 0; i < Times; i++)
        {
            Assert.That(MemoryBarriers.TryGlobal(), Is.EqualTo(!isTickless));
        }

        var each = Stopwatch.GetElapsedTime(start).TotalMilliseconds / Times;
        TestContext.Out.WriteLine($"{each:0.0} ms each");
        if (!isTickless && Environment.ProcessorCount > 1)
        {
            Assert.That(each, Is.GreaterThan(0.1));
        }
    }
}
