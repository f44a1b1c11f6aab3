using Calico.AdapterBuild;
using Calico.Host.Plugins;
using Calico.Host.Settings;
using Calico.TestKit.Hosts;
using Microsoft.Extensions.Logging;
using NUnit.Framework;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>What an adapter's author and user see of it: log lines under its name, a level of its own, its settings in the help.</summary>
public sealed class AdapterSightTests
{
    [Test]
    public void What_an_adapter_logs_stands_under_its_name_at_its_own_level()
    {
        using var lines = new LogLines();
        using var factory = LoggerFactory.Create(b =>
            b.SetMinimumLevel(LogLevel.Information).AddLevels("cni=debug,acme=error").AddProvider(lines));
        using var cni = new AdapterLoggers("cni", factory);
        using var acme = new AdapterLoggers("acme", factory);
        using var other = new AdapterLoggers("cni-other", factory);
        foreach (var (loggers, text) in ((ILoggerFactory, string)[])[(cni, "cni"), (acme, "acme"), (other, "other"), (factory, "host")])
        {
            var logger = loggers.CreateLogger("Some.Class");
            Write(logger, LogLevel.Debug, text);
            Write(logger, LogLevel.Warning, text);
        }

        Assert.That(lines.All, Is.EqualTo(new[]
        {
            "adapter.cni.Some.Class: cni Debug", "adapter.cni.Some.Class: cni Warning",
            "adapter.cni-other.Some.Class: other Warning", "Some.Class: host Warning",
        }));
    }

    [TestCase("cni=loud")]
    [TestCase("cni")]
    [TestCase("Cni=debug")]
    [TestCase("cni=debug,cni=info")]
    [TestCase("=debug")]
    public void A_level_that_cannot_be_meant_is_refused(string text) => Assert.That(LogLevels.TryParse(text, out _), Is.False);

    [Test]
    public void The_settings_that_an_adapter_asks_for_are_known_without_starting_it()
    {
        var folder = Path.Combine(Repository.Root, "artifacts", "bin", "Plugins.Cni");
        var built = Directory.GetFiles(folder, "Plugins.Cni.dll", SearchOption.AllDirectories)
            .OrderByDescending(File.GetLastWriteTimeUtc).First();
        var settings = LoadedPlugin.DescribeSettings(new("cni", "1.0.0", built));
        Assert.That(settings.Select(s => (s.Setting.Environment, s.Setting.Path, s.Default)),
            Does.Contain(("CNI_SOCKET", "plugins.cni.Socket", "/run/calico/cni.sock")));
    }

    [Test]
    public void What_is_shared_is_the_same_for_the_build_and_for_the_host()
    {
        var folder = Path.Combine(Repository.Root, "Calico.Abstractions", "buildTransitive");
        var targets = File.ReadAllText(Path.Combine(folder, "Calico.Abstractions.targets"));
        var names = targets.Split("<_CalicoShared>")[1].Split("</_CalicoShared>")[0].Split(';', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(names, Is.EquivalentTo(AdapterRules.Shared));
    }

    private static void Write(ILogger logger, LogLevel level, string who) =>
        logger.Log(level, default, who, null, (state, _) => $"{state} {level}");

    private sealed class LogLines : ILoggerProvider
    {
        public List<string> All { get; } = [];

        public ILogger CreateLogger(string categoryName) => new Writer(categoryName, All);

        public void Dispose()
        {
            // Nothing is held.
        }

        private sealed class Writer(string category, List<string> lines) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
                Func<TState, Exception?, string> formatter) =>
                lines.Add($"{category}: {formatter(state, exception)}");
        }
    }
}
