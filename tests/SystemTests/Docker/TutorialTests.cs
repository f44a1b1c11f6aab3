using System.Text;
using System.Text.RegularExpressions;
using Calico.TestKit.Hosts;

namespace Calico.SystemTests.Docker;

/// <summary><c>docs/policy-tutorial.md</c>, by its own commands: each ends well, and prints what the page says.</summary>
[TestFixture, Parallelizable]
public sealed partial class TutorialTests : DockerScene
{
    private static readonly string Page = Path.Combine(Repository.Root, "docs", "policy-tutorial.md");

    [Test]
    public async Task The_tutorial_does_what_it_says()
    {
        // The image that the page names, without a registry.
        await Docker.DockerAsync($"tag {BusyboxImage.Name} busybox:latest");
        var steps = Steps(await File.ReadAllTextAsync(Page));
        var script = new StringBuilder("export DOCKER_HOST=unix:///run/docker.sock; cd \"$(mktemp -d)\"; trap 'rm -rf \"$PWD\"' EXIT\n");
        foreach (var step in steps)
        {
            // In this shell, so that functions stay.
            script.Append($"{{ {step.Command}\n}} >out 2>&1 </dev/null; code=$?; cat out; echo; echo \"{End} $code\"\n");
        }

        var output = await Docker.Host.ShellAsync("bash", script.ToString(), TimeSpan.FromMinutes(3));
        await TestContext.Out.WriteLineAsync(output);
        var said = output.Split(End);
        var wrong = new StringBuilder();
        for (var i = 0; i < steps.Count; i++)
        {
            var (printed, code) = (i == 0 ? said[0] : said[i][(said[i].IndexOf('\n') + 1)..], said[i + 1].TrimStart());
            var isRight = code.StartsWith("0\n", StringComparison.Ordinal)
                && (steps[i].Expected.Length == 0 || Plain(printed) == Plain(steps[i].Expected));
            wrong.Append(isRight ? "" : $"$ {steps[i].Command}\n{printed.Trim()}\n(exit {code[..code.IndexOf('\n')]})\n");
        }

        Assert.That(wrong.ToString(), Is.Empty, "the page says something else");
    }

    private const string End = "--- end of a step:";

    /// <summary>Commands with what the page says they print; empty: nothing is said.</summary>
    private static List<(string Command, string Expected)> Steps(string page) =>
        [.. Blocks().Matches(page).SelectMany(block => Commands().Matches(block.Groups[1].Value))
            .Select(step => (step.Groups["command"].Value.TrimEnd('\n'), step.Groups["output"].Value))];

    /// <summary>Without what differs from run to run: times, repetitions, a network's id, the last number of addresses, widths of
    /// columns.</summary>
    private static string Plain(string text) => string.Join('\n', text.Split('\n')
        .Select(line => Ids().Replace(Counts().Replace(Addresses().Replace(Times().Replace(line, "TIME"), "10.90.0.N"), ""), "ID"))
        .Select(line => Blanks().Replace(line, " ").Trim()).Where(line => line.Length > 0).Distinct());

    [GeneratedRegex("^```console\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Blocks();

    [GeneratedRegex(@"^\$ (?<command>[^\n]*<<'EOF'\n.*?^EOF|[^\n]*)\n(?<output>(?:(?!\$ )[^\n]*\n)*)",
        RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Commands();

    [GeneratedRegex(@"\d\d:\d\d:\d\dZ")]
    private static partial Regex Times();

    [GeneratedRegex(@"10\.90\.0\.\d+\b(?!/)")]
    private static partial Regex Addresses();

    [GeneratedRegex(@" +x\d+$")]
    private static partial Regex Counts();

    [GeneratedRegex(@"\b[0-9a-f]{12}(?:[0-9a-f]{52}|…)")]
    private static partial Regex Ids();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();
}
