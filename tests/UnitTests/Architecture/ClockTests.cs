using System.Text.RegularExpressions;
using NUnit.Framework;

namespace Calico.UnitTests.Architecture;

/// <summary>Who may ask the system what time it is: where a program is put together. Everybody else is given a clock.</summary>
[TestFixture]
public sealed partial class ClockTests
{
    private static readonly string[] PutTogether =
    [
        "Calico.Host/Commands/KernelLeftovers.cs", // A command of its own, that runs without the daemon.
        "Calico.Host/Plugins/LoadedPlugin.cs", // An adapter's services.
        "Calico.Host/Stages/HostRuntime.cs", // The daemon.
        "calicoctl/CliEnvironment.cs",
        "calicoctl/Program.cs",
    ];

    [Test]
    public void S10_the_systems_clock_is_asked_where_a_program_is_put_together()
    {
        var found = SourceTree.Files.Where(file => !file.IsTest && file.Project != "bench" && file.Lines.Any(AsksTheSystem));
        Assert.That(found.Select(file => file.Path), Is.EquivalentTo(PutTogether));
    }

    [TestCase("        var now = DateTimeOffset.UtcNow;", true)]
    [TestCase("        var now = DateTime.Now;", true)]
    [TestCase("        return time ?? TimeProvider.System;", true)]
    [TestCase("        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));", true)]
    [TestCase("        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1), time);", false)]
    [TestCase("        await Task.Delay(Pause, ct);", true)]
    [TestCase("        await Task.Delay(Pause, time, ct);", false)]
    [TestCase("        Thread.Sleep(10);", true)]
    [TestCase("        var since = time.GetTimestamp();", false)]
    [TestCase("    /// <summary>As DateTime.UtcNow would.</summary>", false)]
    public void A_clock_is_seen(string line, bool asks) => Assert.That(AsksTheSystem(line), Is.EqualTo(asks));

    private static bool AsksTheSystem(string line) => !line.TrimStart().StartsWith("//", StringComparison.Ordinal) && Clock().IsMatch(line);

    [GeneratedRegex(@"DateTime(Offset)?\.(Utc)?Now\b|DateTime\.Today\b|TimeProvider\.System\b|Environment\.TickCount|Thread\.Sleep\("
        + @"|Task\.Delay\((?![^;]*[tT]ime\b)|new CancellationTokenSource\(TimeSpan\.\w+\([^()]*\)\)")]
    private static partial Regex Clock();
}
