using System.Diagnostics;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Mesos;

/// <summary>A container as its agent has it: a process in a network namespace of its own, inside a test host.</summary>
public sealed class PlayedTask : IAsyncDisposable
{
    private readonly TestHost _host;

    private PlayedTask(TestHost host, string id, int pid) => (_host, Id, Pid) = (host, id, pid);

    public string Id { get; }

    /// <summary>As calico-host sees it.</summary>
    public int Pid { get; }

    public bool IsAlive { get; private set; } = true;

    public static async Task<PlayedTask> StartAsync(TestHost host, string id)
    {
        // unshare execs the program, so the number that the shell prints is the task's.
        var pid = await host.ShellAsync("unshare -n sh -c 'ip link set lo up; exec sleep 3600' </dev/null >/dev/null 2>&1 & echo $!");
        var task = new PlayedTask(host, id, int.Parse(pid.Trim()));
        // The agent's child has cloned its namespace before its number is known; this one needs a moment.
        for (var clock = Stopwatch.StartNew(); ; await Task.Delay(10))
        {
            var state =
                await host.ShellAsync($"readlink /proc/{task.Pid}/exe; readlink /proc/{task.Pid}/ns/net; readlink /proc/self/ns/net");
            var lines = state.Split('\n');
            if (lines[0].EndsWith("sleep", StringComparison.Ordinal) || lines[0].Contains("busybox", StringComparison.Ordinal))
            {
                if (lines[1] != lines[2])
                {
                    return task;
                }
            }

            if (clock.Elapsed > TimeSpan.FromSeconds(20))
            {
                throw new TimeoutException($"task {id} did not come up: {state}");
            }
        }
    }

    /// <summary>Runs a command in its network namespace.</summary>
    public Task<CommandResult> RunAsync(string command) => _host.RunAsync(["nsenter", "-t", $"{Pid}", "-n", "bash", "-ec", command]);

    public async Task<bool> PingAsync(string address) => (await RunAsync($"/bin/busybox ping -c 1 -W 1 {address}")).ExitCode == 0;

    /// <summary>The task ends, as by a crash.</summary>
    public async Task KillAsync()
    {
        if (IsAlive)
        {
            IsAlive = false;
            await _host.ShellAsync($"kill -9 {Pid} 2>/dev/null || true");
        }
    }

    public async ValueTask DisposeAsync() => await KillAsync();
}
