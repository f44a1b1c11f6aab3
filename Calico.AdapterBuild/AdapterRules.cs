using System.Text.RegularExpressions;

namespace Calico.AdapterBuild;

/// <summary>What an adapter has to be, as the build says it and the host says it again.</summary>
internal static partial class AdapterRules
{
    /// <summary>Assemblies that an adapter has in common with the host: their types cross the line between the two. One of its own beside
    /// the host's would be another type of the same name.</summary>
    public static readonly string[] Shared =
    [
        "Calico.Abstractions",
        "Microsoft.Extensions.Configuration.Abstractions",
        "Microsoft.Extensions.DependencyInjection.Abstractions",
        "Microsoft.Extensions.Diagnostics.Abstractions",
        "Microsoft.Extensions.FileProviders.Abstractions",
        "Microsoft.Extensions.Hosting.Abstractions",
        "Microsoft.Extensions.Logging.Abstractions",
        "Microsoft.Extensions.Options",
        "Microsoft.Extensions.Primitives",
    ];

    /// <summary>The host's own assemblies, which change without notice and are loaded once.</summary>
    public static readonly string[] Internals =
        ["calico-host", "calicoctl", "Calico.Dataplane", "Calico.Datastore", "Calico.EmbeddedStore", "Calico.Felix", "Calico.Ipam",
            "Plugins.Cni", "Plugins.Docker", "Plugins.Mesos"];

    /// <summary>Of the manifest, in the adapter's folder.</summary>
    public const string ManifestName = "calico-adapter.json";

    public static bool IsName(string text) => Name().IsMatch(text);

    public static bool IsVersion(string text) => Version().IsMatch(text);

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]{0,31}\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"\A[0-9A-Za-z][0-9A-Za-z+-]*(\.[0-9A-Za-z+-]+)*\z")]
    private static partial Regex Version();
}
