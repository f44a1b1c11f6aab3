using System.Collections.Immutable;
using System.Numerics;
using System.Text.RegularExpressions;
using Calico.Datastore.Resources.Formats;
using Calico.Datastore.Resources.Shapes;
using static Calico.Datastore.Resources.Shapes.FieldFactory;

namespace Calico.Datastore.Resources.V3;

/// <summary>Every parameter of FelixConfiguration, whether or not our dataplane has a use for it: a manifest that upstream takes is
/// taken, and one that upstream refuses is refused.</summary>
internal static partial class FelixConfigurationFields
{
    private static readonly ObjectShape HealthTimeout = new(
        new Field("name", new TextShape(HealthName)) { CheckedWhenEmpty = true }, Duration("timeout"));

    private static readonly ObjectShape RouteTableRange = new(
        Number("min", long.MinValue, long.MaxValue), Number("max", long.MinValue, long.MaxValue))
    {
        SchemaRules = [FelixConfigurationRules.RouteTableRange],
    };

    private static readonly ObjectShape RouteTableRanges = new(
        Number("min", long.MinValue, long.MaxValue), Number("max", long.MinValue, long.MaxValue))
    {
        SchemaRules = [FelixConfigurationRules.RouteTableRangesItem],
    };

    /// <summary>A port that stays open whatever policy says.</summary>
    internal static ObjectShape ProtoPort { get; } = new(
        Required(Choice("protocol", "TCP", "UDP", "SCTP")), Required(Number("port", 0, 65535)), Text("net", NetFormats.Cidr))
    {
        // A bare value upstream lets through with port 0, which no packet has.
        SchemaRules = [(it, report) =>
        {
            if (it.Number("port") == 0)
            {
                report.Add(it.At("port"), "must be from 1 to 65535", it["port"]);
            }
        }],
    };

    private static readonly MapShape ConntrackTimeouts = new(null, text => text == "Auto" ? null : TextFormats.Duration(text));

    internal static ImmutableArray<Field> All { get; } = [Selector("nodeSelector"), .. Process(), .. Dataplane()];

    private static ImmutableArray<Field> Process() =>
    [
        // Process: Feature detection/overrides
        Text("featureDetectOverride", FeatureDetectPattern()), Text("featureGates", FeatureGatesPattern()),
        // Process: Go runtime
        Number("goGCThreshold", -1), Number("goMaxProcs", -1), Number("goMemoryLimitMB", -1),
        // Process: Health port and timeouts
        Flag("healthEnabled"), Text("healthHost", NameFormats.MetricsHost), PortNumber("healthPort"),
            List("healthTimeoutOverrides", HealthTimeout),
        // Process: Logging
        Text("logActionRateLimit", RateLimitPattern()), Number("logActionRateLimitBurst", 0, 9999),
        Text("logDebugFilenameRegex", TextFormats.RegularExpression), Text("logFilePath"), Text("logPrefix", LogPrefixPattern()),
        ChoiceAnyCase("logSeverityFile", "Debug", "Error", "Fatal", "Info", "Trace", "Warning"),
        ChoiceAnyCase("logSeverityScreen", "Debug", "Error", "Fatal", "Info", "Trace", "Warning"),
        ChoiceAnyCase("logSeveritySys", "Debug", "Error", "Fatal", "Info", "Trace", "Warning"),
        // Process: Prometheus metrics
        Flag("prometheusGoMetricsEnabled"), Text("prometheusMetricsCAFile"), Text("prometheusMetricsCertFile"),
        Choice("prometheusMetricsClientAuth", "NoClientCert", "RequireAndVerifyClientCert", "RequireAnyClientCert",
            "VerifyClientCertIfGiven"),
        Flag("prometheusMetricsEnabled"), Text("prometheusMetricsHost", NameFormats.MetricsHost),
        Text("prometheusMetricsKeyFile"), PortNumber("prometheusMetricsPort"), Flag("prometheusProcessMetricsEnabled"),
        Flag("prometheusWireGuardMetricsEnabled"),
        // Flow logs: file reports
        Flag("flowLogsCollectorDebugTrace"), Duration("flowLogsFlushInterval"), Text("flowLogsGoldmaneServer"),
        Choice("flowLogsLocalReporter", "Disabled", "Enabled"), Choice("flowLogsPolicyEvaluationMode", "Continuous", "None"),
        // AWS integration
        Choice("awsSrcDstCheck", "Disable", "DoNothing", "Enable"),
        // Debug/test-only (generally unsupported)
        Flag("debugDisableLogDropping"), Text("debugHost", NameFormats.MetricsHost), Text("debugMemoryProfilePath"),
            PortNumber("debugPort"),
        Duration("debugSimulateCalcGraphHangAfter"), Duration("debugSimulateDataplaneApplyDelay"),
        Duration("debugSimulateDataplaneHangAfter"),
        // Usage reporting
        Flag("usageReportingEnabled"), Duration("usageReportingInitialDelay"), Duration("usageReportingInterval"),
    ];

    private static ImmutableArray<Field> Dataplane() =>
    [
        // Dataplane: Common
        Flag("allowIPIPPacketsFromWorkloads"), Flag("allowVXLANPacketsFromWorkloads"), Text("cgroupV2Path"),
        ChoiceAnyCase("chainInsertMode", "Append", "Insert"), Text("dataplaneDriver"), Duration("dataplaneWatchdogTimeout"),
        ChoiceAnyCase("defaultEndpointToHostAction", "Accept", "Drop", "Return"), RouteProtocol("deviceRouteProtocol"),
        AddressV4("deviceRouteSourceAddress"), AddressV6("deviceRouteSourceAddressIPv6"), Flag("disableConntrackInvalidCheck"),
        Text("endpointStatusPathPrefix"), Texts("externalNodesList", NetFormats.CidrV4),
        List("failsafeInboundHostPorts", ProtoPort), List("failsafeOutboundHostPorts", ProtoPort),
        WithDefault(Choice("floatingIPs", "Disabled", "Enabled"), "\"Disabled\""), Choice("ipForwarding", "Disabled", "Enabled"),
        Number("ipv4ElevatedRoutePriority", 1, 2147483646), Number("ipv4NormalRoutePriority", 1, 2147483646),
        Number("ipv6ElevatedRoutePriority", 1, 2147483646), Number("ipv6NormalRoutePriority", 1, 2147483646),
        Text("interfaceExclude", NameFormats.InterfaceList), Text("interfacePrefix", NameFormats.InterfacePrefixes),
            Duration("interfaceRefreshInterval"), Flag("ipv6Support"),
        Choice("istioAmbientMode", "Disabled", "Enabled"), new Field("istioDSCPMark", new NumberOrTextShape(NumberFormats.Dscp)),
        Duration("liveMigrationRouteConvergenceTime"), Choice("localSubnetL2Reachability", "Disabled", "PodsAndLoadBalancers"),
        Duration("localSubnetL2ReachabilityRefreshInterval"), Text("mtuIfacePattern", TextFormats.RegularExpression),
        AddressV4("natOutgoingAddress"), Choice("natOutgoingExclusions", "IPPoolsAndHostIPs", "IPPoolsOnly"),
        new Field("natPortRange", new NumberOrTextShape(NumberFormats.PortRange)),
        Text("nftablesFlowTableDataIfacePattern", TextFormats.RegularExpression),
        Choice("nftablesFlowTableOffload", "All", "Disabled"),
        WithDefault(Choice("nftablesMode", "Auto", "Disabled", "Enabled"), "\"Auto\""), Duration("netlinkTimeout"),
        Text("policySyncPathPrefix"),
        Choice("programClusterRoutes", "Disabled", "Enabled", "EnabledIPIPOnly", "EnabledNoEncapOnly"),
        Flag("removeExternalRoutes"), Flag("requireMTUFile"), Duration("routeRefreshInterval"),
        ChoiceAnyCase("routeSource", "CalicoIPAM", "WorkloadIPs"), Flag("routeSyncDisabled"),
        Nested("routeTableRange", RouteTableRange), List("routeTableRanges", RouteTableRanges),
        ChoiceAnyCase("serviceLoopPrevention", "Disabled", "Drop", "Reject"), Flag("sidecarAccelerationEnabled"),
        Flag("useInternalDataplaneDriver"), ChoiceAnyCase("workloadSourceSpoofing", "Any", "Disabled"),
        // Dataplane: iptables
        Duration("ipsetsRefreshInterval"), ChoiceAnyCase("iptablesBackend", "Auto", "Legacy", "NFT"),
        ChoiceAnyCase("iptablesFilterAllowAction", "Accept", "Return"),
        ChoiceAnyCase("iptablesFilterDenyAction", "Drop", "Reject"), Duration("iptablesLockProbeInterval"),
        ChoiceAnyCase("iptablesMangleAllowAction", "Accept", "Return"), MarkMask("iptablesMarkMask"),
        Text("iptablesNATOutgoingInterfaceFilter", NameFormats.InterfaceFilter), Duration("iptablesPostWriteCheckInterval"),
        Duration("iptablesRefreshInterval"), List("kubeNodePortRanges", new NumberOrTextShape(NumberFormats.NumericPort), 7),
        Number("maxIpsetSize", 1),
        // Dataplane: nftables
        ChoiceAnyCase("nftablesFilterAllowAction", "Accept", "Return"),
        ChoiceAnyCase("nftablesFilterDenyAction", "Drop", "Reject"),
        ChoiceAnyCase("nftablesMangleAllowAction", "Accept", "Return"), MarkMask("nftablesMarkMask"),
        Duration("nftablesRefreshInterval"),
        // Dataplane: eBPF
        Choice("bpfAttachType", "Netkit", "TC", "TCX"), Text("bpfCTLBLogFilter"),
        WithDefault(Choice("bpfConnectTimeLoadBalancing", "Disabled", "Enabled", "TCP"), "\"TCP\""),
        Flag("bpfConnectTimeLoadBalancingEnabled"), Choice("bpfConntrackMode", "Auto", "BPFProgram", "Userspace"),
        ChoiceAnyCase("bpfConntrackLogLevel", "Debug", "Off"), new Field("bpfConntrackTimeouts", ConntrackTimeouts),
        Texts("bpfDSROptoutCIDRs", NetFormats.Cidr), Text("bpfDataIfacePattern", TextFormats.RegularExpression),
        Text("bpfDisableGROForIfaces", TextFormats.RegularExpression), Flag("bpfDisableUnprivileged"), Flag("bpfEnabled"),
        ChoiceAnyCase("bpfEnforceRPF", "Disabled", "Loose", "Strict"), Texts("bpfExcludeCIDRsFromNAT", NetFormats.Cidr),
        Number("bpfExportBufferSizeMB", 0), Number("bpfExtToServiceConnmark", 0, uint.MaxValue),
        ChoiceAnyCase("bpfExternalServiceMode", "DSR", "Tunnel"),
        Texts("bpfForceTrackPacketsFromIfaces", NameFormats.InterfaceFilter), Flag("bpfHostConntrackBypass"),
        WithDefault(Choice("bpfHostNetworkedNATWithoutCTLB", "Disabled", "Enabled"), "\"Enabled\""), Duration("bpfIPFragTimeout"),
        Flag("bpfIPFragmentReassemblyEnabled"), Choice("bpfJITHardening", "Auto", "Strict"), Number("bpfKubeProxyHealthzPort", 0, 65535),
        Flag("bpfKubeProxyIptablesCleanupEnabled"), Duration("bpfKubeProxyMinSyncPeriod"),
        Text("bpfL3IfacePattern", TextFormats.RegularExpression), new Field("bpfLogFilters", new MapShape()),
        ChoiceAnyCase("bpfLogLevel", "Debug", "Info", "Off"), Number("bpfMaglevMaxEndpointsPerService", 1, 3000),
        Number("bpfMaglevMaxServices", 1, 3000), Number("bpfMapSizeConntrack", 0), Number("bpfMapSizeConntrackCleanupQueue", 0),
        Choice("bpfMapSizeConntrackScaling", "Disabled", "DoubleIfFull"), Number("bpfMapSizeIPSets", 0), Number("bpfMapSizeIfState", 0),
        Number("bpfMapSizeNATAffinity", 0), Number("bpfMapSizeNATBackend", 0), Number("bpfMapSizeNATFrontend", 0),
        Number("bpfMapSizePerCpuConntrack", 0), Number("bpfMapSizeRoute", 0),
        Choice("bpfOverlayHostSourceIP", "HostAddress", "TunnelAddress"),
        new Field("bpfPSNATPorts", new NumberOrTextShape(NumberFormats.PortRange)), Flag("bpfPolicyDebugEnabled"),
        Choice("bpfProfiling", "Disabled", "Enabled"), Choice("bpfRedirectToPeer", "Disabled", "Enabled"),
        // Dataplane: Windows
        Choice("windowsManageFirewallRules", "Disabled", "Enabled"),
        // Dataplane: OpenStack support
        Duration("endpointReportingDelay"), Flag("endpointReportingEnabled"), Text("metadataAddr", NameFormats.MetricsHost),
        PortNumber("metadataPort"), Text("openstackRegion", OpenstackRegion), Duration("reportingInterval"),
        Duration("reportingTTL"),
        // Dataplane: XDP acceleration for iptables dataplane
        Flag("genericXDPEnabled"), Flag("xdpEnabled"), Duration("xdpRefreshInterval"),
        // Overlay: VXLAN overlay
        Flag("vxlanEnabled"), Mtu("vxlanMTU"), Mtu("vxlanMTUV6"), PortNumber("vxlanPort"), Number("vxlanVNI", 1, 16_777_215),
        // Overlay: IP-in-IP
        Flag("ipipEnabled"), Mtu("ipipMTU"),
        // Overlay: Wireguard
        Flag("wireguardEnabled"), Flag("wireguardEnabledV6"), Flag("wireguardHostEncryptionEnabled"),
        Text("wireguardInterfaceName", NameFormats.OneInterface), Text("wireguardInterfaceNameV6", NameFormats.OneInterface),
        PortNumber("wireguardListeningPort"), PortNumber("wireguardListeningPortV6"), Mtu("wireguardMTU"), Mtu("wireguardMTUV6"),
        Duration("wireguardKeepAlive"),
        // Rule 32766 is the main table's, which ours has to come before.
        Number("wireguardRoutingRulePriority", 1, 32765), Flag("wireguardThreadingEnabled"),
    ];

    private static Field AddressV4(string name) =>
        Text(name, text => NetFormats.AddressV4(text) is null ? null : $"{name} must be a valid IPv4 address");

    private static Field AddressV6(string name) =>
        Text(name, text => NetFormats.AddressV6(text) is null ? null : $"{name} must be a valid IPv6 address");

    private static string? OpenstackRegion(string text) =>
        text.Length <= 46 && NameFormats.Label(text) is null ? null : "must be a DNS label of at most 46 characters";

    private static string? HealthName(string text) =>
        HealthNamePattern().IsMatch(text) ? null : "must consist of alphanumeric characters, '_', '-' and spaces";

    // 0: found out by ourselves.
    private static Field Mtu(string name) => Number(name, 0, 65535);

    private static Field MarkMask(string name) => new(name, new NumberShape(0, uint.MaxValue)
    {
        Format = number => BitOperations.PopCount((ulong)number) >= 2 ? null : "",
        Wanted = "must be a mask of at least two bits, such as 0xffff0000",
    });

    // linux/rtnetlink.h: 0 to 4 are RTPROT_UNSPEC, REDIRECT, KERNEL, BOOT and STATIC, whose routes are not ours to delete; the field is a
    // byte.
    private static Field RouteProtocol(string name) => new(name, new NumberShape(5, byte.MaxValue)
    {
        Wanted = "must be from 5 to 255, and no other program's on the machine (0 to 4 are the kernel's own)",
    });

    [GeneratedRegex(@"\A[a-zA-Z0-9_ -]+\z")]
    private static partial Regex HealthNamePattern();

    [GeneratedRegex(@"\A[1-9]\d{0,3}/(?:second|minute|hour|day)\z")]
    private static partial Regex RateLimitPattern();

    [GeneratedRegex(@"\A[a-zA-Z0-9%: /_-]*\z")]
    private static partial Regex LogPrefixPattern();

    [GeneratedRegex(@"\A(?:[a-zA-Z0-9-_]+=(?:true|false|),)*(?:[a-zA-Z0-9-_]+=(?:true|false|))?\z")]
    private static partial Regex FeatureDetectPattern();

    [GeneratedRegex(@"\A(?:[a-zA-Z0-9-_]+=[^=]+,)*(?:[a-zA-Z0-9-_]+=[^=]+)?\z")]
    private static partial Regex FeatureGatesPattern();
}
