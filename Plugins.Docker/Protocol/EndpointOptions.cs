using System.Collections.Immutable;
using System.Net.NetworkInformation;
using System.Text.Json;

namespace Calico.Plugins.Docker.Protocol;

/// <summary>What an endpoint's options ask for.</summary>
/// <param name="Mac"><c>--mac-address</c>; null: ours.</param>
internal sealed record EndpointOptions(PhysicalAddress? Mac)
{
    private const string Docker = "com.docker.network.";
    private const string MacKey = "com.docker.network.endpoint.macaddress";

    /// <summary>Reads them. What nobody would act upon is refused.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Unsupported"/> or <see cref="Problem.Invalid"/>, with the option.</exception>
    public static EndpointOptions Read(ImmutableSortedDictionary<string, JsonElement>? options, string? mac)
    {
        options ??= ImmutableSortedDictionary<string, JsonElement>.Empty;
        if (string.Join(", ", options.Keys.Where(k => !k.StartsWith(Docker, StringComparison.Ordinal))) is { Length: > 0 } names)
        {
            throw new CalicoException(Problem.Unsupported, $"the Calico driver does not know {names}", "--driver-opt");
        }

        // Acted upon when this network turns out to be the one that the container's traffic comes by; what is no port is refused at once.
        _ = PublishedPorts.Read(options);
        if (!string.IsNullOrEmpty(mac))
        {
            return new(Fields.Mac(mac, "--mac-address"));
        }

        // Six bytes in base64, beside the interface's own field.
        return options.TryGetValue(MacKey, out var bytes) && bytes.ValueKind == JsonValueKind.String
            ? new(bytes.TryGetBytesFromBase64(out var six) && six.Length == 6
                ? new PhysicalAddress(six)
                : throw new CalicoException(Problem.Invalid, $"{MacKey} is not six bytes in base64", "--mac-address"))
            : new((PhysicalAddress?)null);
    }
}
