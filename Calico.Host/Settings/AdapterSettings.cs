using System.Collections.Immutable;
using Calico.Datastore.Settings;

namespace Calico.Host.Settings;

/// <summary>Which adapters are loaded, and how they are dealt with.</summary>
internal sealed record AdapterSettings
{
    // A report is to be newer than LiveReports.Lifetime.
    private static readonly SettingRule<AdapterSettings>[] Rules =
    [
        new(nameof(LiveInterval), s => s.LiveInterval >= TimeSpan.FromMilliseconds(100) && s.LiveInterval <= TimeSpan.FromMinutes(2),
            "a time from 00:00:00.1 to 00:02:00"),
    ];

    /// <summary>Their names in the file; what else begins with <c>plugins.</c> is an adapter's own.</summary>
    public static ImmutableHashSet<string> Paths { get; } =
        [.. SettingsReader.Describe<AdapterSettings>().Select(s => s.Setting.Path).Select(p => p.ToLowerInvariant())];

    [Setting("CALICO_PLUGINS", "plugins.enabled", "Comma list of adapters to load; empty: every one that is installed.")]
    public string Enabled { get; init; } = "";

    [Setting("CALICO_PLUGIN_SIGNATURES", "plugins.signatures",
        "Whether a package of an adapter has to be signed by somebody this machine trusts.", Choices = "none|required")]
    public string Signatures { get; init; } = "none";

    [Setting("CALICO_LIVE_INTERVAL", "plugins.liveInterval", "How often adapters that can ask their orchestrator are asked what runs.")]
    public TimeSpan LiveInterval { get; init; } = TimeSpan.FromSeconds(10);

    [Setting("NOTIFY_SOCKET", "plugins.notifySocket", "Who is told that the adapters' sockets are there; systemd sets it.")]
    public string NotifySocket { get; init; } = "";

    /// <summary>Reads it; what is wrong stays with the reader.</summary>
    public static AdapterSettings Read(SettingsReader reader) => reader.Read(Rules);
}
