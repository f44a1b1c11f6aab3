using System.Collections.Immutable;
using System.Net;
using System.Net.NetworkInformation;
using System.Text.Json;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>A network configuration: what a CNI runtime sends on standard input.</summary>
/// <remarks>The fields of <c>reference/calico-v3.md</c> §10.2. The datastore's and the log's fields are read by nobody here: the host has
/// its own settings, and a plugin call holds no credentials.</remarks>
internal sealed record NetworkConfiguration
{
    private const int MaxName = 255;

    private const int MaxVersion = 32;

    /// <summary>Where containerd puts a pod's annotations when the configuration declares this capability.</summary>
    private const string AnnotationsCapability = "io.kubernetes.cri.pod-annotations";

    public CniVersion Version { get; private init; } = CniVersion.Unstated;

    public string Name { get; private init; } = "";

    public string Type { get; private init; } = "";

    /// <summary>Bytes; 0: the node's.</summary>
    public int Mtu { get; private init; }

    public bool RequiresMtuFile { get; private init; }

    /// <summary><c>nodename</c>, else the deprecated <c>hostname</c>.</summary>
    public string NodeName { get; private init; } = "";

    /// <summary>Empty or <c>k8s</c>.</summary>
    public string PolicyType { get; private init; } = "";

    public bool IsKubernetesPolicy => PolicyType == "k8s";

    public IpamConfiguration Ipam { get; private init; } = new();

    public bool AllowsForwarding { get; private init; }

    public bool IncludesDefaultRoutes { get; private init; }

    public bool AllowsAddressesWithoutIpam { get; private init; }

    public bool AllowsFloatingIps { get; private init; }

    /// <summary>Empty, <c>veth</c> or <c>netkit</c>.</summary>
    public string DeviceType { get; private init; } = "";

    /// <summary>Ours is the only dataplane: anything but empty or <c>linux</c> is refused.</summary>
    public string DataplaneType { get; private init; } = "";

    public bool HasReadinessGates { get; private init; }

    /// <summary>Addresses asked for by <c>runtimeConfig.ips</c>, <c>args.cni.ips</c> or Mesos, the first of them that is there.</summary>
    public ImmutableArray<IPAddress> RequestedAddresses { get; private init; } = [];

    /// <summary><c>runtimeConfig.mac</c>.</summary>
    public PhysicalAddress? RequestedMac { get; private init; }

    /// <summary>Groups and host ports of a Mesos task.</summary>
    public MesosTask Mesos { get; private init; } = new([], []);

    /// <summary>What is let in: <c>runtimeConfig.portMappings</c>, which a portmap plugin behind us leads to the container, and those of a
    /// Mesos task.</summary>
    public ImmutableArray<PublishedPort> PublishedPorts { get; private init; } = [];

    public ImmutableSortedDictionary<string, string> PodAnnotations { get; private init; } =
        ImmutableSortedDictionary<string, string>.Empty;

    public ImmutableSortedDictionary<string, string> Labels { get; private init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Null: none was sent.</summary>
    public CniResult? PreviousResult { get; private init; }

    /// <summary>GC's list of what is still there; null: not sent.</summary>
    public ImmutableArray<(string ContainerId, string InterfaceName)>? ValidAttachments { get; private init; }

    /// <summary>The <c>dns</c> object as text, passed on into the result.</summary>
    public string Dns { get; private init; } = "";

    /// <summary>What is wrong, each as <c>path: message</c>.</summary>
    public ImmutableArray<string> Faults { get; private init; } = [];

    /// <summary>Reads without judging: DEL goes on with a configuration that ADD would refuse.</summary>
    /// <exception cref="CniException">Code 6: not JSON, or not an object; code 1: a version we do not speak.</exception>
    public static NetworkConfiguration Parse(ReadOnlyMemory<byte> input)
    {
        try
        {
            using var document = JsonDocument.Parse(input);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new CniException(CniCode.Undecodable, "the network configuration is not a JSON object");
            }

            return Read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a text that is not UTF-8.
            throw new CniException(CniCode.Undecodable, "the network configuration is not JSON", e.Message);
        }
    }

    /// <summary>The version that an answer to this configuration names, whatever else is wrong with the call.</summary>
    public static string VersionIn(ReadOnlyMemory<byte> input)
    {
        try
        {
            using var document = JsonDocument.Parse(input);
            var root = new ConfigurationObject(document.RootElement, "", []);
            return root.Text("cniVersion") is { Length: > 0 and <= MaxVersion } version ? version : CniVersion.Unstated.ToString();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return CniVersion.Unstated.ToString();
        }
    }

    /// <summary>As much as can be read: a DEL needs nothing of a configuration but whom else to call.</summary>
    public static NetworkConfiguration ParseForDelete(ReadOnlyMemory<byte> input)
    {
        try
        {
            return Parse(input);
        }
        catch (CniException)
        {
            return new NetworkConfiguration();
        }
    }

    /// <exception cref="CniException">Code 7 with every fault, code 2 for what no version of ours does.</exception>
    public void Validate()
    {
        if (Faults.Length > 0)
        {
            throw new CniException(CniCode.InvalidConfiguration, $"invalid network configuration: {Faults[0]}", string.Join("; ", Faults));
        }

        if (Name.Length == 0)
        {
            throw new CniException(CniCode.InvalidConfiguration, "invalid network configuration: name: must be given", "name");
        }

        if (AllowsAddressesWithoutIpam && !IsKubernetesPolicy)
        {
            throw new CniException(CniCode.InvalidConfiguration,
                "invalid network configuration: feature_control.ip_addrs_no_ipam: needs policy.type k8s, whose pods ask for it",
                "feature_control.ip_addrs_no_ipam");
        }

        if (DataplaneType == "grpc")
        {
            throw new CniException(CniCode.UnsupportedField, "dataplane_options.type: grpc is not supported", "dataplane_options.type");
        }
    }

    private static NetworkConfiguration Read(JsonElement element)
    {
        var faults = new List<string>();
        var root = new ConfigurationObject(element, "", faults);
        if (!CniVersion.TryParse(root.Text("cniVersion"), out var version))
        {
            throw new CniException(CniCode.IncompatibleVersion, $"unsupported CNI version {root.Text("cniVersion")}",
                $"supported: {string.Join(", ", CniVersion.Supported)}");
        }

        var runtime = root.Object("runtimeConfig", ignoreCase: true);
        var args = root.Object("args");
        var mesos = args.Object("org.apache.mesos").Object("network_info");
        var features = root.Object("feature_control");
        var previous = root.Object("prevResult");
        var task = MesosTask.Read(mesos);
        return new NetworkConfiguration
        {
            Version = version,
            Name = NameIn(root),
            Type = root.Text("type"),
            // 68: the least that IPv4 may have (RFC 791); 65535: the most that a veth takes.
            Mtu = root.Number("mtu", 68, 65535),
            RequiresMtuFile = root.Flag("require_mtu_file"),
            NodeName = root.Text("nodename") is { Length: > 0 } nodeName ? nodeName : root.Text("hostname"),
            PolicyType = OneOf(root.Object("policy"), "type", "", "k8s"),
            Ipam = IpamConfiguration.Read(root.Object("ipam")),
            AllowsForwarding = root.Object("container_settings").Flag("allow_ip_forwarding"),
            IncludesDefaultRoutes = root.Flag("include_default_routes"),
            AllowsAddressesWithoutIpam = features.Flag("ip_addrs_no_ipam"),
            AllowsFloatingIps = features.Flag("floating_ips"),
            DeviceType = OneOf(root, "device_type", "", "veth", "netkit"),
            DataplaneType = OneOf(root.Object("dataplane_options"), "type", "", "linux", "grpc"),
            HasReadinessGates = !root.Texts("readiness_gates").IsEmpty,
            RequestedAddresses = AddressesIn(runtime, args.Object("cni"), mesos),
            RequestedMac = MacIn(runtime, args.Object("cni")),
            Mesos = task,
            PublishedPorts = [.. PortMappings.Read(runtime), .. task.Ports],
            PodAnnotations = runtime.TextMap(AnnotationsCapability),
            Labels = MesosLabels.Read(mesos),
            PreviousResult = previous.IsPresent ? CniResultReader.Read(previous) : null,
            // The specification first called it otherwise, and libcni sends both.
            ValidAttachments = AttachmentsIn(root, "cni.dev/valid-attachments") ?? AttachmentsIn(root, "cni.dev/attachments"),
            Dns = root.Object("dns") is { IsPresent: true } dns ? dns.Element.GetRawText() : "",
            Faults = [.. faults],
        };
    }

    private static ImmutableArray<(string ContainerId, string InterfaceName)>? AttachmentsIn(ConfigurationObject root, string field) =>
        root.Has(field) ? [.. root.Objects(field).Select(a => (a.Text("containerID"), a.Text("ifname")))] : null;

    private static string NameIn(ConfigurationObject root)
    {
        var name = root.Text("name");
        if (name.Length > 0 && !(char.IsAsciiLetterOrDigit(name[0])
            && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-')))
        {
            root.Fault("name", "may hold letters, digits, '_', '.' and '-' only, first a letter or digit");
        }
        // The specification sets no bound; a file's name has this one, and runtimes keep networks in files.
        if (name.Length > MaxName)
        {
            root.Fault("name", $"is longer than {MaxName} characters");
        }

        return name;
    }

    private static string OneOf(ConfigurationObject at, string field, params ReadOnlySpan<string> allowed)
    {
        var value = at.Text(field);
        if (!allowed.Contains(value))
        {
            at.Fault(field, $"unsupported value \"{value}\"; supported: {string.Join(", ", allowed.ToArray().Where(v => v.Length > 0))}");
        }

        return value;
    }

    private static ImmutableArray<IPAddress> AddressesIn(ConfigurationObject runtime, ConfigurationObject cni, ConfigurationObject mesos)
    {
        var found = ImmutableArray.CreateBuilder<IPAddress>();
        foreach (var (at, field) in (ReadOnlySpan<(ConfigurationObject, string)>)[(runtime, "ips"), (cni, "ips")])
        {
            if (found.Count > 0)
            {
                break;
            }

            foreach (var text in at.Texts(field))
            {
                Add(at, field, text);
            }
        }

        if (found.Count == 0)
        {
            foreach (var address in mesos.Objects("ip_addresses"))
            {
                if (address.Text("ip_address") is { Length: > 0 } text)
                {
                    Add(address, "ip_address", text);
                }
            }
        }

        return found.ToImmutable();

        void Add(ConfigurationObject at, string field, string text)
        {
            if (InterfaceAddress.TryParse(text, out var address))
            {
                found.Add(address.Address);
            }
            else
            {
                at.Fault(field, $"\"{text}\" is not an address");
            }
        }
    }

    private static PhysicalAddress? MacIn(ConfigurationObject runtime, ConfigurationObject cni)
    {
        foreach (var at in (ReadOnlySpan<ConfigurationObject>)[runtime, cni])
        {
            if (at.Text("mac") is not { Length: > 0 } text)
            {
                continue;
            }

            if (MacAddress.TryParse(text, out var mac))
            {
                return mac;
            }

            at.Fault("mac", $"\"{text}\" is not a unicast MAC address");
        }

        return null;
    }
}
