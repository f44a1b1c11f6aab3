using System.Collections.Immutable;

namespace Calico.UnitTests.Resources;

/// <summary>Every parameter of a kind, with values that are right and values that are wrong; the latter include what differs from the
/// former by one.</summary>
/// <param name="Fields">Names, separated by blanks; a path goes through objects by '.', and through a list by '[]'.</param>
/// <param name="Good">JSON, separated by <c>" ; "</c>.</param>
/// <param name="Bad">Likewise.</param>
internal sealed record FieldTable(string Fields, string Good, string Bad)
{
    private const string Durations = "\"0\" ; \"0s\" ; \"1m30s\" ; \"1.5h\" ; \"10ns\" ; \"2562047h\"";
    private const string NotDurations =
        "\"-1s\" ; \"-0.5s\" ; \"1\" ; \"1 m\" ; \"1d\" ; \"m\" ; \"2562048h\" ; \"99999999999999h\" ; 5 ; true";
    private const string NotFlags = "\"true\" ; 1 ; \"yes\"";
    private const string Severities = "\"Debug\" ; \"info\" ; \"Fatal\"";

    /// <summary>FelixConfiguration, in the order of <c>reference/calico-v3.md</c> §7.</summary>
    public static ImmutableArray<FieldTable> Felix { get; } =
    [
        new("nodeSelector", "\"all()\" ; \"has(a) && b == 'c'\"", "\"a b\" ; \"a ==\" ; 7"),
        new("featureDetectOverride", "\"A=true,B=false\" ; \"A-1=\"", "\"A\" ; \"A=1\" ; \"A b=true\""),
        new("featureGates", "\"A=1,B=x\"", "\"A\" ; \"A==\""),
        new("goGCThreshold goMaxProcs goMemoryLimitMB", "-1 ; 0 ; 40", "-2 ; 1.5 ; \"1\" ; 4294967296"),
        Flags("healthEnabled prometheusGoMetricsEnabled prometheusMetricsEnabled prometheusProcessMetricsEnabled "
            + "prometheusWireGuardMetricsEnabled "
            + "flowLogsCollectorDebugTrace debugDisableLogDropping usageReportingEnabled allowIPIPPacketsFromWorkloads "
            + "allowVXLANPacketsFromWorkloads "
            + "disableConntrackInvalidCheck ipv6Support removeExternalRoutes requireMTUFile routeSyncDisabled sidecarAccelerationEnabled "
            + "useInternalDataplaneDriver bpfConnectTimeLoadBalancingEnabled bpfDisableUnprivileged bpfEnabled bpfHostConntrackBypass "
            + "bpfIPFragmentReassemblyEnabled bpfKubeProxyIptablesCleanupEnabled bpfPolicyDebugEnabled endpointReportingEnabled "
            + "genericXDPEnabled "
            + "xdpEnabled vxlanEnabled ipipEnabled wireguardEnabled wireguardEnabledV6 wireguardHostEncryptionEnabled "
            + "wireguardThreadingEnabled"),
        new("healthHost debugHost prometheusMetricsHost metadataAddr", "\"localhost\" ; \"10.0.0.1\" ; \"fe80::1\"",
            "\"a b\" ; \"a\\nb\" ; \"a/b\" ; 7"),
        new("healthPort debugPort prometheusMetricsPort metadataPort", "1 ; 65535", "0 ; -1 ; 65536 ; \"80\" ; 1.5"),
        new("healthTimeoutOverrides[].name", "\"a b_1-c\"", "\"\" ; \"a.b\" ; 7"),
        new("logActionRateLimit", "\"1/second\" ; \"9999/day\"", "\"0/second\" ; \"10000/day\" ; \"1/week\" ; \"1 /day\""),
        new("logActionRateLimitBurst", "0 ; 9999", "-1 ; 10000"),
        new("logDebugFilenameRegex mtuIfacePattern nftablesFlowTableDataIfacePattern bpfDataIfacePattern bpfL3IfacePattern "
            + "bpfDisableGROForIfaces",
            "\"^eth.*\" ; \"(a|b)+\"", "\"(\" ; \"[\" ; \"a**\" ; 7"),
        new("logFilePath prometheusMetricsCAFile prometheusMetricsCertFile prometheusMetricsKeyFile flowLogsGoldmaneServer "
            + "debugMemoryProfilePath "
            + "cgroupV2Path dataplaneDriver endpointStatusPathPrefix policySyncPathPrefix bpfCTLBLogFilter", "\"/var/log/x\" ; \"none\"",
            "7 ; true ; []"),
        new("logPrefix", "\"calico: %t/%n_-\"", "\"a\\nb\" ; \"a;b\" ; \"é\""),
        new("logSeverityFile logSeverityScreen logSeveritySys", Severities, "\"Panic\" ; \"\\u0000\" ; 7"),
        new("prometheusMetricsClientAuth", "\"RequireAnyClientCert\"", "\"requireanyclientcert\" ; \"x\""),
        Durations_("flowLogsFlushInterval debugSimulateCalcGraphHangAfter debugSimulateDataplaneApplyDelay debugSimulateDataplaneHangAfter "
            + "usageReportingInitialDelay usageReportingInterval dataplaneWatchdogTimeout interfaceRefreshInterval "
            + "liveMigrationRouteConvergenceTime "
            + "localSubnetL2ReachabilityRefreshInterval netlinkTimeout routeRefreshInterval ipsetsRefreshInterval "
            + "iptablesLockProbeInterval "
            + "iptablesPostWriteCheckInterval iptablesRefreshInterval nftablesRefreshInterval bpfIPFragTimeout bpfKubeProxyMinSyncPeriod "
            + "endpointReportingDelay reportingInterval reportingTTL xdpRefreshInterval wireguardKeepAlive "
            + "healthTimeoutOverrides[].timeout"),
        Choice("flowLogsLocalReporter floatingIPs ipForwarding istioAmbientMode bpfHostNetworkedNATWithoutCTLB bpfProfiling "
            + "bpfRedirectToPeer "
            + "windowsManageFirewallRules", "Disabled Enabled"),
        Choice("flowLogsPolicyEvaluationMode", "Continuous None"),
        Choice("awsSrcDstCheck", "Disable DoNothing Enable"),
        AnyCase("chainInsertMode", "Append Insert"),
        AnyCase("defaultEndpointToHostAction", "Accept Drop Return"),
        new("deviceRouteProtocol", "5 ; 80 ; 255", "-1 ; 0 ; 2 ; 3 ; 4 ; 256"),
        new("deviceRouteSourceAddress natOutgoingAddress", "\"10.0.0.1\"", "\"fd00::1\" ; \"10.0.0.1/24\" ; \"10.0.0\" ; \"a\""),
        new("deviceRouteSourceAddressIPv6", "\"fd00::1\"", "\"10.0.0.1\" ; \"fd00::/64\""),
        new("externalNodesList[]", "\"10.0.0.1\" ; \"10.0.0.0/8\"", "\"fd00::1\" ; \"10.0.0.0/33\" ; \"a\""),
        new("failsafeInboundHostPorts[].protocol failsafeOutboundHostPorts[].protocol", "\"TCP\" ; \"UDP\" ; \"SCTP\"",
            "\"ICMP\" ; \"tcp4\" ; 6"),
        new("failsafeInboundHostPorts[].port failsafeOutboundHostPorts[].port", "1 ; 65535", "0 ; -1 ; 65536 ; \"22\""),
        new("failsafeInboundHostPorts[].net failsafeOutboundHostPorts[].net", "\"10.0.0.0/8\" ; \"fd00::/8\"", "\"10.0.0.0/33\" ; \"a\""),
        new("ipv4ElevatedRoutePriority ipv4NormalRoutePriority ipv6ElevatedRoutePriority ipv6NormalRoutePriority", "1 ; 2147483646",
            "0 ; -1 ; 2147483647"),
        new("interfaceExclude", "\"kube-ipvs0\" ; \"a,b.1\" ; \"/^veth.*/,eth0\"", "\"a b\" ; \"aaaaaaaaaaaaaaaa\" ; \"a,\" ; \"/(/\""),
        new("interfacePrefix", "\"cali\" ; \"cali,tap\" ; \"a.b_c-d\"", "\"a b\" ; \"a/b\" ; \"aaaaaaaaaaaaaaaa\" ; \"cali,\" ; \"*\""),
        new("istioDSCPMark", "0 ; 63 ; \"EF\" ; \"af11\"", "64 ; -1 ; \"AF44\" ; \"x\""),
        Choice("localSubnetL2Reachability", "Disabled PodsAndLoadBalancers"),
        Choice("natOutgoingExclusions", "IPPoolsAndHostIPs IPPoolsOnly"),
        new("natPortRange bpfPSNATPorts", "0 ; 80 ; \"80:90\" ; \"1:65535\"", "-1 ; 65536 ; \"90:80\" ; \"0:10\" ; \"a:b\" ; \"http\""),
        Choice("nftablesFlowTableOffload", "All Disabled"),
        Choice("nftablesMode", "Auto Disabled Enabled"),
        Choice("programClusterRoutes", "Disabled Enabled EnabledIPIPOnly EnabledNoEncapOnly"),
        AnyCase("routeSource", "CalicoIPAM WorkloadIPs"),
        new("routeTableRange", "{\"min\":1,\"max\":250}", "{\"min\":0,\"max\":250} ; {\"min\":1,\"max\":251} ; {\"min\":9,\"max\":8} ; 7"),
        new("routeTableRanges[]", "{\"min\":1,\"max\":1000} ; {\"min\":8,\"max\":8}",
            "{\"min\":0,\"max\":8} ; {\"min\":9,\"max\":8} ; {\"min\":1,\"max\":4294967296}"),
        AnyCase("serviceLoopPrevention", "Disabled Drop Reject"),
        AnyCase("workloadSourceSpoofing", "Any Disabled"),
        AnyCase("iptablesBackend", "Auto Legacy NFT"),
        AnyCase("iptablesFilterAllowAction iptablesMangleAllowAction nftablesFilterAllowAction nftablesMangleAllowAction", "Accept Return"),
        AnyCase("iptablesFilterDenyAction nftablesFilterDenyAction", "Drop Reject"),
        new("iptablesMarkMask nftablesMarkMask", "4294901760 ; 3 ; 4294967295", "0 ; 1 ; 65536 ; -1 ; 4294967296"),
        new("iptablesNATOutgoingInterfaceFilter", "\"cali-123\" ; \"eth+\"", "\"cali@123\" ; \"aaaaaaaaaaaaaaaa\""),
        new("kubeNodePortRanges[]", "30000 ; \"30000:32767\"", "\"testport\" ; \"2:1\" ; 65536"),
        new("maxIpsetSize", "1 ; 1048576", "0 ; -1"),
        Choice("bpfAttachType", "Netkit TC TCX"),
        Choice("bpfConnectTimeLoadBalancing", "Disabled Enabled TCP"),
        Choice("bpfConntrackMode", "Auto BPFProgram Userspace"),
        AnyCase("bpfConntrackLogLevel", "Debug Off"),
        new("bpfConntrackTimeouts", "{\"tcpEstablished\":\"1h\",\"udpTimeout\":\"Auto\"}",
            "{\"tcpEstablished\":\"-1h\"} ; {\"a\":7} ; \"1h\""),
        new("bpfDSROptoutCIDRs[] bpfExcludeCIDRsFromNAT[]", "\"10.0.0.0/8\" ; \"fd00::/8\"", "\"a\" ; \"10.0.0.0/33\""),
        AnyCase("bpfEnforceRPF", "Disabled Loose Strict"),
        new("bpfExtToServiceConnmark", "0 ; 4294967295", "-1 ; 4294967296"),
        AnyCase("bpfExternalServiceMode", "DSR Tunnel"),
        new("bpfForceTrackPacketsFromIfaces[]", "\"docker+\"", "\"cali@123\" ; \"aaaaaaaaaaaaaaaa\""),
        Choice("bpfJITHardening", "Auto Strict"),
        new("bpfKubeProxyHealthzPort", "0 ; 10256 ; 65535", "-1 ; 65536"),
        new("bpfLogFilters", "{\"eth0\":\"tcp\"}", "\"x\" ; {\"a\":1}"),
        AnyCase("bpfLogLevel", "Debug Info Off"),
        new("bpfMaglevMaxEndpointsPerService bpfMaglevMaxServices", "1 ; 3000", "0 ; 3001"),
        Choice("bpfMapSizeConntrackScaling", "Disabled DoubleIfFull"),
        new("bpfExportBufferSizeMB bpfMapSizeConntrack bpfMapSizeConntrackCleanupQueue bpfMapSizeIPSets bpfMapSizeIfState "
            + "bpfMapSizeNATAffinity "
            + "bpfMapSizeNATBackend bpfMapSizeNATFrontend bpfMapSizePerCpuConntrack bpfMapSizeRoute", "0 ; 1 ; 512000",
            "-1 ; 4294967296 ; \"1\""),
        Choice("bpfOverlayHostSourceIP", "HostAddress TunnelAddress"),
        new("openstackRegion", "\"region-1\"", "\"FOO\" ; \"a.b\" ; \"a-region-that-has-a-name-of-forty-seven-letters-x\""),
        new("vxlanMTU vxlanMTUV6 ipipMTU wireguardMTU wireguardMTUV6", "0 ; 1450 ; 65535", "-1 ; 65536"),
        new("vxlanPort wireguardListeningPort wireguardListeningPortV6", "1 ; 65535", "0 ; -1 ; 65536"),
        new("vxlanVNI", "1 ; 16777215", "0 ; 16777216"),
        new("wireguardInterfaceName wireguardInterfaceNameV6", "\"wireguard.cali\" ; \"a_B-1\"",
            "\"a b\" ; \"a/b\" ; \"aaaaaaaaaaaaaaaa\" ; \"*\" ; \"..\""),
        new("wireguardRoutingRulePriority", "1 ; 99 ; 32765", "0 ; -1 ; 32766"),
    ];

    public static ImmutableArray<FieldTable> BgpConfiguration { get; } =
    [
        new("logSeverityScreen", "\"trace\" ; \"Fatal\"", "\"Panic\" ; 7"),
        Flags("nodeToNodeMeshEnabled nodeMeshPassword.secretKeyRef.optional"),
        new("asNumber", "0 ; 4294967295 ; \"1.10\" ; \"64512\"", "-1 ; 4294967296 ; \"65536.1\" ; \"a\""),
        new("listenPort", "1 ; 65535", "0 ; 65536"),
        Choice("bindMode", "None NodeIP"),
        new("serviceClusterIPs[].cidr serviceExternalIPs[].cidr serviceLoadBalancerIPs[].cidr", "\"10.0.0.0/8\" ; \"fd00::/8\"",
            "\"10.0.0.1/8\" ; \"a\""),
        Choice("serviceLoadBalancerAggregation", "Enabled Disabled"),
        Durations_("nodeMeshMaxRestartTime"),
        new("ignoredInterfaces[]", "\"eth0\" ; \"cali*\"", "\"*\" ; \"a b\" ; \"aaaaaaaaaaaaaaaa\""),
        new("localWorkloadPeeringIPV4", "\"10.0.0.1\"", "\"fd00::1\" ; \"x\""),
        new("localWorkloadPeeringIPV6", "\"fd00::1\"", "\"10.0.0.1\" ; \"x\""),
        new("ipv4NormalRoutePriority ipv6NormalRoutePriority", "1 ; 2147483646", "0 ; 2147483647"),
        Choice("programClusterRoutes", "Disabled Enabled EnabledIPIPOnly EnabledNoEncapOnly"),
    ];

    public static ImmutableArray<FieldTable> BgpPeer { get; } =
    [
        new("node filters[]", "\"n1.example\"", "\"N1\" ; \"a b\" ; \"-a\""),
        new("peerIP", "\"10.0.0.1\" ; \"10.0.0.1:179\" ; \"[fd00::1]:65535\"",
            "\"10.0.0.1:0\" ; \"10.0.0.1:65536\" ; \"fd00::1:\" ; \"x\""),
        new("asNumber localASNumber", "0 ; 4294967295 ; \"1.10\"", "-1 ; 4294967296"),
        new("nodeSelector peerSelector", "\"has(a)\"", "\"a b\""),
        Flags("keepOriginalNextHop password.secretKeyRef.optional"),
        Choice("nextHopMode", "Auto Self Keep"),
        Choice("sourceAddress", "UseNodeIP None"),
        Choice("reversePeering", "Auto Manual"),
        Durations_("maxRestartTime keepaliveTime"),
        new("numAllowedLocalASNumbers", "0 ; 10", "-1"),
        new("ttlSecurity", "0 ; 255", "-1 ; 256"),
    ];

    public static ImmutableArray<FieldTable> BgpFilter { get; } =
    [
        new("exportV4[].action importV6[].action", "\"Accept\" ; \"Reject\"", "\"accept\" ; \"Drop\""),
        Choice("exportV4[].source", "RemotePeers"),
        new("exportV4[].interface importV6[].interface", "\"eth0\" ; \"cali*\" ; \"*\"", "\"a b\" ; \"aaaaaaaaaaaaaaaa\""),
        Choice("importV4[].peerType", "eBGP iBGP"),
        new("importV4[].communities.values[]", "\"1:2\" ; \"65535:65535\" ; \"1:2:4294967295\"", "\"65536:1\" ; \"1\" ; \"a:b\""),
        new("exportV6[].asPathPrefix[]", "1 ; \"1.1\"", "-1 ; \"a\""),
        new("exportV6[].priority", "0 ; 1", "-1"),
        new("exportV6[].operations[].setPriority.value", "1 ; 2147483647", "0 ; 2147483648"),
    ];

    public static ImmutableArray<FieldTable> KubeControllers { get; } =
    [
        new("logSeverityScreen", "\"None\" ; \"Panic\"", "\"info\" ; 7"),
        Choice("healthChecks controllers.node.syncLabels controllers.node.hostEndpoint.autoCreate "
            + "controllers.node.hostEndpoint.createDefaultHostEndpoint "
            + "controllers.migration.policyNameMigrator", "Enabled Disabled"),
        new("prometheusMetricsPort debugProfilePort", "0 ; 65535", "-1 ; 65536"),
        Durations_("etcdV3CompactionPeriod controllers.node.reconcilerPeriod controllers.node.leakGracePeriod "
            + "controllers.policy.reconcilerPeriod "
            + "controllers.workloadEndpoint.reconcilerPeriod controllers.serviceAccount.reconcilerPeriod "
            + "controllers.namespace.reconcilerPeriod"),
        Choice("controllers.loadBalancer.assignIPs", "AllServices RequestedServicesOnly"),
        new("controllers.node.hostEndpoint.templates[].generateName", "\"web\" ; \"a.b\"", "\"Web\" ; \"a_b\" ; \"a b\" ; \"-a\""),
    ];

    /// <summary>One policy rule, of an ingress list.</summary>
    public static ImmutableArray<FieldTable> Rule { get; } =
    [
        new("action", "\"Allow\" ; \"Deny\" ; \"Log\" ; \"Pass\"", "\"allow\" ; \"Drop\""),
        new("ipVersion", "4 ; 6", "0 ; 5 ; 7"),
        new("protocol notProtocol", "\"TCP\" ; 1 ; 255 ; \"UDPLite\"", "0 ; 256 ; \"GRE\""),
        new("source.nets[] destination.notNets[]", "\"10.0.0.0/8\"", "\"10.0.0.1/8\" ; \"a\""),
        new("source.selector destination.namespaceSelector", "\"has(a)\"", "\"a b\""),
        new("source.serviceAccounts.names[]", "\"a.b\"", "\"A\" ; \"a'b\" ; \"a b\""),
        new("http.methods[]", "\"GET\" ; \"*\"", "7"),
    ];

    public IEnumerable<(string Field, string Value, bool IsGood)> Cases() =>
        Fields.Split(' ').SelectMany(f => Split(Good).Select(v => (f, v, true)).Concat(Split(Bad).Select(v => (f, v, false))));

    private static IEnumerable<string> Split(string values) => values.Split(" ; ", StringSplitOptions.RemoveEmptyEntries);

    private static FieldTable Flags(string fields) => new(fields, "true ; false", NotFlags);

    private static FieldTable Durations_(string fields) => new(fields, Durations, NotDurations);

    private static FieldTable Choice(string fields, string choices) =>
        new(fields, Quoted(choices), $"\"{choices.Split(' ')[0]}x\" ; \"{choices.Split(' ')[0].ToUpperInvariant()}X\" ; 7 ; true");

    private static FieldTable AnyCase(string fields, string choices) =>
        new(fields, $"{Quoted(choices)} ; {Quoted(choices.ToLowerInvariant())} ; {Quoted(choices.ToUpperInvariant())}",
            $"\"{choices.Split(' ')[0]}x\" ; 7");

    private static string Quoted(string choices) => string.Join(" ; ", choices.Split(' ').Select(c => $"\"{c}\""));
}
