using System.Net;
using Calico.Datastore.Settings;

namespace Calico.Host.Settings;

/// <summary>Everything that can be set on the host. A new setting is one property here.</summary>
internal sealed class HostSettings
{
    /// <summary>Prefix length of the blocks of the IPv6 pool that is made on a datastore without any.</summary>
    public const int Ipv6PoolBlockSize = 122;

    /// <summary>Which datastore; its settings are every program's.</summary>
    public DatastoreSettings Datastore { get; set; } = new();

    [Setting("CALICO_STORE_LISTEN", "datastore.listen",
        "Loopback address:port on which the embedded store serves the etcd v3 API; empty: unix socket only.")]
    public string StoreListen { get; set; } = "";

    [Setting("CALICO_ADOPT_STORE", "datastore.adopt",
        "Takes over the store of another machine or node name, for one start; never on a clone.")]
    public bool AdoptStore { get; set; }

    [Setting("NODENAME", "node.name", "This node's name; empty: the name it had before, else the host name in lower case.")]
    public string NodeName { get; set; } = "";

    [Setting("IP", "node.ipv4", "This node's IPv4 address[/length]; 'autodetect', or 'none'.")]
    public string Ipv4 { get; set; } = "autodetect";

    [Setting("IP6", "node.ipv6", "This node's IPv6 address[/length]; 'autodetect', or 'none'.")]
    public string Ipv6 { get; set; } = "none";

    [Setting("NO_DEFAULT_POOLS", "pools.none", "Makes no IP pool on a datastore without any.")]
    public bool NoDefaultPools { get; set; }

    [Setting("CALICO_IPV4POOL_CIDR", "pools.ipv4.cidr", "CIDR of the IPv4 pool made on a datastore without any.")]
    public string Ipv4PoolCidr { get; set; } = "192.168.0.0/16";

    [Setting("CALICO_IPV4POOL_BLOCK_SIZE", "pools.ipv4.blockSize", "Prefix length of that pool's blocks, 20-32.")]
    public int Ipv4PoolBlockSize { get; set; } = 26;

    [Setting("CALICO_IPV4POOL_NAT_OUTGOING", "pools.ipv4.natOutgoing",
        "Whether traffic of that pool that leaves all pools is masqueraded.")]
    public bool Ipv4PoolNatOutgoing { get; set; } = true;

    [Setting("CALICO_IPV6POOL_CIDR", "pools.ipv6.cidr", "CIDR of the IPv6 pool made on a datastore without any; empty: none.")]
    public string Ipv6PoolCidr { get; set; } = "";

    [Setting("CALICO_DATA_DIR", "paths.data", "Node log, embedded store and spool.")]
    public string DataDirectory { get; set; } = "/var/lib/calico";

    /// <summary>Where the host is asked; that is every program's, too.</summary>
    public HostSockets Sockets { get; set; } = new();

    [Setting("CALICO_PLUGIN_DIR", "paths.plugins", "Installed adapters.")]
    public string PluginDirectory { get; set; } = "/usr/lib/calico/plugins";

    /// <summary>Which adapters, and how they are dealt with.</summary>
    public AdapterSettings Adapters { get; set; } = new();

    [Setting("FELIX_INTERFACEPREFIX", "dataplane.interfacePrefix", "Start of the host side's interface names; ours alone.")]
    public string InterfacePrefix { get; set; } = "cali";

    [Setting("FELIX_DEVICEROUTEPROTOCOL", "dataplane.routeProtocol", "Protocol number of our routes, ours alone.")]
    public int RouteProtocol { get; set; } = 80;

    [Setting("FELIX_NFTABLESMARKMASK", "dataplane.markMask", "Packet mark bits that are ours alone.")]
    public uint MarkMask { get; set; } = 0xffff0000;

    [Setting("CALICO_MTU", "dataplane.mtu", "MTU of workload interfaces in bytes; 0: that of the interface with the node's address.")]
    public int Mtu { get; set; }

    [Setting("FELIX_PROMETHEUSMETRICSENABLED", "metrics.enabled", "Serves /metrics over TCP, too; on the control socket it always is.")]
    public bool MetricsEnabled { get; set; }

    [Setting("FELIX_PROMETHEUSMETRICSHOST", "metrics.host", "Address on which it is; whoever reaches it may read.")]
    public string MetricsHost { get; set; } = "127.0.0.1";

    [Setting("FELIX_PROMETHEUSMETRICSPORT", "metrics.port", "TCP port on which it is.")]
    public int MetricsPort { get; set; } = 9091;

    [Setting("CALICO_LOG_LEVEL", "log.level", "What is logged to standard error.", Choices = "debug|info|warning|error")]
    public string LogLevel { get; set; } = "info";

    [Setting("CALICO_LOG_LEVELS", "log.levels", "Levels of single adapters: cni=debug,acme=warning; the others have the level above.")]
    public string LogLevels { get; set; } = "";

    /// <summary>Where /metrics is served besides the control socket, or null.</summary>
    public IPEndPoint? MetricsEndpoint() => MetricsEnabled ? new(IPAddress.Parse(MetricsHost), MetricsPort) : null;

    /// <summary>Where the embedded store listens besides its socket, or null.</summary>
    public IPEndPoint? StoreEndpoint() => StoreListen.Length > 0
        && SettingRules.TryLoopback(StoreListen, out var endpoint) ? endpoint : null;

    /// <summary>Reads them all.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: everything that is wrong with them, each by its name.</exception>
    public static HostSettings Read(SettingsReader reader)
    {
        var datastore = DatastoreSettings.Read(reader);
        var settings = reader.Read(SettingRules.All);
        (settings.Datastore, settings.Sockets, settings.Adapters) = (datastore, HostSockets.Read(reader), AdapterSettings.Read(reader));
        reader.AddUnknown(name => !name.StartsWith("plugins.", StringComparison.OrdinalIgnoreCase)
            || AdapterSettings.Paths.Contains(name.ToLowerInvariant()));
        reader.ThrowIfWrong();
        return settings;
    }

    /// <summary>Every setting, in the order it is listed by <c>--help</c>, with its default.</summary>
    public static IEnumerable<(SettingAttribute Setting, string Default)> Describe()
    {
        var (datastore, sockets, adapters, host) = (new DatastoreSettings(), new HostSockets(), new AdapterSettings(), new HostSettings());
        return [.. SettingsReader.Describe<DatastoreSettings>().Select(s => (s.Setting, Text(s.Property.GetValue(datastore)))),
            .. SettingsReader.Describe<HostSockets>().Select(s => (s.Setting, Text(s.Property.GetValue(sockets)))),
            .. SettingsReader.Describe<AdapterSettings>().Select(s => (s.Setting, Text(s.Property.GetValue(adapters)))),
            .. SettingsReader.Describe<HostSettings>().Select(s => (s.Setting, Text(s.Property.GetValue(host))))];
    }

    private static string Text(object? value) => value is uint mask ? $"0x{mask:x8}" : $"{value}";
}
