using System.Net;
using System.Net.NetworkInformation;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>CNI_ARGS: <c>K=V;K=V</c>, in any order.</summary>
internal sealed record CniArgs
{
    public static readonly CniArgs None = new();

    /// <summary>The variable as it came.</summary>
    public string Text { get; private init; } = "";

    /// <summary>Addresses that the runtime wants (<c>IP=</c>; several with commas).</summary>
    public IReadOnlyList<IPAddress> Addresses { get; private init; } = [];

    /// <summary>MAC that the runtime wants.</summary>
    public PhysicalAddress? Mac { get; private init; }

    public string PodName { get; private init; } = "";

    public string PodNamespace { get; private init; } = "";

    public string PodUid { get; private init; } = "";

    /// <summary>Both of the pod's names are given. podman gives only K8S_POD_NAME, and means no Kubernetes by it.</summary>
    public bool IsKubernetes => PodName.Length > 0 && PodNamespace.Length > 0;

    /// <param name="text">The variable; empty: none.</param>
    /// <param name="lenient">DEL: an argument nobody understands must not keep a container from going.</param>
    /// <exception cref="CniException">Code 4.</exception>
    public static CniArgs Parse(string text, bool lenient)
    {
        var args = None with { Text = text };
        var ignoreUnknown = lenient;
        List<string>? unknown = null;
        foreach (var part in text.Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=');
            if (equals <= 0)
            {
                if (lenient)
                {
                    continue;
                }

                throw Invalid($"ARGS: invalid pair \"{part}\"");
            }

            var (key, value) = (part[..equals], part[(equals + 1)..]);
            switch (key)
            {
                case "IgnoreUnknown":
                    ignoreUnknown |= value is "1" or "true" or "TRUE" or "True";
                    break;
                case "IP":
                    args = args with { Addresses = lenient ? [] : ParseAddresses(value) };
                    break;
                case "MAC":
                    args = args with { Mac = lenient ? null : ParseMac(value) };
                    break;
                case "K8S_POD_NAME":
                    args = args with { PodName = value };
                    break;
                case "K8S_POD_NAMESPACE":
                    args = args with { PodNamespace = value };
                    break;
                case "K8S_POD_UID":
                    args = args with { PodUid = value };
                    break;
                case "K8S_POD_INFRA_CONTAINER_ID":
                case "CNI_TEST_NAMESPACE":
                    break;
                default:
                    (unknown ??= []).Add(part);
                    break;
            }
        }

        if (unknown is not null && !ignoreUnknown)
        {
            throw Invalid($"ARGS: unknown args [\"{string.Join("\" \"", unknown)}\"]");
        }

        return args;
    }

    private static List<IPAddress> ParseAddresses(string value)
    {
        var addresses = new List<IPAddress>();
        foreach (var text in value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            addresses.Add(InterfaceAddress.TryParse(text, out var parsed) ? parsed.Address
                : throw Invalid($"IP=\"{text}\" is not an address"));
        }

        return addresses;
    }

    private static PhysicalAddress ParseMac(string value) =>
        MacAddress.TryParse(value, out var mac) ? mac : throw Invalid($"MAC=\"{value}\" is not a unicast MAC address");

    private static CniException Invalid(string message) => new(CniCode.InvalidEnvironment, "invalid CNI_ARGS", message);
}
