using System.Diagnostics;

namespace Calico.TestKit.Hosts;

/// <summary>How a program ended.</summary>
/// <param name="Command">For messages.</param>
/// <param name="ExitCode">Its exit code.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
/// <param name="Elapsed">Start to exit.</param>
public sealed record CommandResult(string Command, int ExitCode, string Output, string Error, TimeSpan Elapsed)
{
    /// <summary>Runs a program to its end.</summary>
    /// <exception cref="TimeoutException">It took longer; it is killed.</exception>
    public static async Task<CommandResult> RunAsync(IReadOnlyList<string> command, string? input = null,
        IReadOnlyDictionary<string, string>? environment = null, TimeSpan? limit = null)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(limit ?? TimeSpan.FromSeconds(60));
        var output = process.StandardOutput.ReadToEndAsync(timeout.Token);
        var error = process.StandardError.ReadToEndAsync(timeout.Token);
        try
        {
            await process.GiveAsync(input ?? "", timeout.Token);
            await process.WaitForExitAsync(timeout.Token);
            return new(string.Join(' ', command), process.ExitCode, await output, await error, clock.Elapsed);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{string.Join(' ', command)} took longer than {clock.Elapsed.TotalSeconds:0} s");
        }
    }

    /// <summary>This result, or an exception with everything the program said.</summary>
    public CommandResult OrThrow() => ExitCode == 0 ? this
        : throw new InvalidOperationException($"{Command} ended with {ExitCode}\n{Error}\n{Output}");
}
