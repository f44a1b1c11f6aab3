using System.Diagnostics;

namespace Calico.TestKit.Hosts;

/// <summary>Standard input of a program that need not read it.</summary>
public static class ProcessInput
{
    /// <summary>Writes and closes. A program that has ended, or closed its input, has its reasons: its exit code tells them, not a broken
    /// pipe (EPIPE) here.</summary>
    public static async Task GiveAsync(this Process process, string input, CancellationToken ct = default)
    {
        try
        {
            await process.StandardInput.WriteAsync(input.AsMemory(), ct);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // Not read: see above.
        }
    }
}
