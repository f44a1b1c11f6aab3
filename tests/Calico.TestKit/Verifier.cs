using System.Globalization;
using System.Runtime.CompilerServices;
using NUnit.Framework;

namespace Calico.TestKit;

/// <summary>Compares a whole text with the one that is kept beside the test, by the file names of the Verify library, which is not to be
/// had: <c>Type.Method.verified.txt</c>, with <c>_name=value</c> for each argument of a test case.</summary>
/// <remarks>After a mismatch the text lies beside it as <c>….received.txt</c>: look at the difference, and move it over if it is right.
/// </remarks>
public static class Verifier
{
    /// <exception cref="AssertionException">It is another text, or none has been kept yet.</exception>
    public static async Task Verify(string text, [CallerFilePath] string source = "")
    {
        var test = TestContext.CurrentContext.Test;
        var arguments = test.MethodInfo!.GetParameters()
            .Zip(test.Arguments, (parameter, value) => string.Create(CultureInfo.InvariantCulture, $"_{parameter.Name}={value}"));
        var name = Path.Combine(Path.GetDirectoryName(source)!,
            $"{test.ClassName!.Split('.')[^1]}.{test.MethodName}{string.Concat(arguments).Replace(' ', '-')}");
        var (verified, received) = ($"{name}.verified.txt", $"{name}.received.txt");
        // Files end with a line end, as every other of the repository.
        var (now, kept) = (text.TrimEnd('\n') + "\n", File.Exists(verified) ? await File.ReadAllTextAsync(verified) : "");
        if (now == kept)
        {
            File.Delete(received);
            return;
        }

        await File.WriteAllTextAsync(received, now);
        var (old, lines) = (kept.Split('\n'), now.Split('\n'));
        var line = Enumerable.Range(0, Math.Max(old.Length, lines.Length))
            .First(i => old.ElementAtOrDefault(i) != lines.ElementAtOrDefault(i));
        throw new AssertionException(
            $"{Path.GetFileName(received)} is not {Path.GetFileName(verified)}: line {line + 1} is\n  {lines.ElementAtOrDefault(line)}\nand was\n  {old.ElementAtOrDefault(line)}");
    }
}
