using System.Diagnostics;
using NUnit.Framework;

namespace Calico.TestKit.Hosts;

/// <summary>One life of a calico-host inside a <see cref="TestHost"/>.</summary>
/// <remarks>What is started is nsenter, which forks into the host's process namespace and lends its exit code. Two facts of it:
/// it stops itself when its child is stopped and nobody wakes it with the child; and the end of what it writes is the end of everybody
/// who holds its standard output, which may be later than its own.</remarks>
internal sealed class CalicoProcess
{
    // A host that is asked to stop lets its calls end; on a machine with twenty builds beside it that took eleven seconds.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // After the end of a process nothing is left to do but to be noticed.
    private static readonly TimeSpan Notice = TimeSpan.FromSeconds(10);

    private readonly TestHost _host;
    private readonly Process _process;

    private CalicoProcess(TestHost host, Process process) => (_host, _process) = (host, process);

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <param name="host">Where it runs.</param>
    /// <param name="command">From outside.</param>
    /// <param name="log">Gets what it writes, a line at a time.</param>
    public static CalicoProcess Start(TestHost host, IReadOnlyList<string> command, StreamWriter log)
    {
        var process = new Process { StartInfo = new(command[0], command.Skip(1)) { RedirectStandardError = true,
            RedirectStandardOutput = true } };
        DataReceivedEventHandler write = (_, line) =>
        {
            if (line.Data is not null)
            {
                lock (log)
                {
                    log.WriteLine(line.Data);
                }
            }
        };
        process.OutputDataReceived += write;
        process.ErrorDataReceived += write;
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new(host, process);
    }

    /// <summary>Sends a signal to calico-host itself, by the process id that it has inside.</summary>
    /// <exception cref="TimeoutException">There is none, although nsenter lives.</exception>
    public async Task SignalAsync(string signal)
    {
        // Not there yet if it was started a moment ago.
        var clock = Stopwatch.StartNew();
        while ((await _host.ShellAsync(Signal(signal))).Length == 0 && !_process.HasExited)
        {
            if (clock.Elapsed > Notice)
            {
                throw new TimeoutException($"no calico-host to send SIG{signal} to; {await DescribeAsync()}");
            }

            await Task.Delay(20);
        }

        if (signal == "CONT")
        {
            await WakeAsync();
        }
    }

    /// <summary>Waits for the end that was asked for.</summary>
    /// <param name="asked">For the message: what should have ended it.</param>
    /// <exception cref="TimeoutException">It did not end. It is killed, so that nothing is left behind.</exception>
    public async Task EndedAsync(string asked)
    {
        await WakeAsync();
        if (!await ExitedWithinAsync(Patience))
        {
            var state = await DescribeAsync();
            await KillAsync();
            throw new TimeoutException(
                $"calico-host did not end within {Patience.TotalSeconds:0} s after {asked}, and was "
                    + $"killed; {state}\n{await _host.TailAsync()}");
        }

        await WrittenAsync();
        _process.Dispose();
    }

    /// <summary>Sees to it that nothing is left after the host was taken down: what happened is not the test's matter any more, and is
    /// said.</summary>
    public async Task DiscardAsync()
    {
        await WakeAsync();
        if (!await ExitedWithinAsync(Notice))
        {
            TestContext.Progress.WriteLine($"{_host.Folder} is down and its nsenter is not: killed; {await DescribeAsync()}");
            await KillAsync();
        }

        await WrittenAsync();
        _process.Dispose();
    }

    // The exit code of the last command says nothing: a process may end between two looks.
    private string Signal(string signal) =>
        $"for p in /proc/[0-9]*; do if [ \"$(readlink $p/exe)\" = {_host.Programs}/host/calico-host ]; then kill -{signal} ${{p#/proc/}} && echo $p; fi; done; true";

    private async Task WakeAsync()
    {
        if (!_process.HasExited)
        {
            await CommandResult.RunAsync(["kill", "-CONT", $"{_process.Id}"]);
        }
    }

    private async Task<bool> ExitedWithinAsync(TimeSpan limit)
    {
        // Not WaitForExitAsync, which also waits for the end of what is written.
        var clock = Stopwatch.StartNew();
        while (!_process.HasExited)
        {
            if (clock.Elapsed > limit)
            {
                return false;
            }

            await Task.Delay(20);
        }

        return true;
    }

    private async Task KillAsync()
    {
        _process.Kill(entireProcessTree: true);
        Assert.That(await ExitedWithinAsync(Notice), Is.True, $"not even SIGKILL ends it; {await DescribeAsync()}");
    }

    private async Task WrittenAsync()
    {
        using var limit = new CancellationTokenSource(Notice);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _process.CancelOutputRead();
            _process.CancelErrorRead();
            TestContext.Progress.WriteLine(
                $"{_host.Folder}: calico-host has ended and somebody still holds its output: its log may lack its end");
        }
    }

    /// <summary>The processes that are left, as ps shows them.</summary>
    private async Task<string> DescribeAsync() =>
        "what is left:\n" + (await CommandResult.RunAsync(
            ["ps", "-o", "pid,ppid,stat,etimes,wchan:20,args", "-p", $"{_process.Id}", "--ppid", $"{_process.Id}"])).Output;
}
