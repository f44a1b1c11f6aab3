using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;

namespace Calico.Datastore.Kubernetes;

/// <summary><c>discovery.k8s.io/v1</c> EndpointSlice: the addresses and ports behind a Service, which rules may name.</summary>
/// <remarks>As upstream: every endpoint of the slice, whatever its conditions; a port without a number stands for none; a port without a
/// protocol is TCP. What cannot be read is left out and told.</remarks>
public static class EndpointSliceConversion
{
    /// <summary>Kind of the keys of slices.</summary>
    public const string Kind = "KubernetesEndpointSlice";

    private const string ServiceLabel = "kubernetes.io/service-name";

    /// <summary>The slice that an update says; null: it is gone, or of another kind.</summary>
    public static EndpointSliceSpec? Find(SyncUpdate update) => (update.Value as Resource<EndpointSliceSpec>)?.Spec;

    /// <summary>Pure. Never throws for content: what is wrong is in <see cref="ConvertedEndpointSlice.Errors"/>.</summary>
    /// <param name="manifest">The object, as the API server gives it.</param>
    public static ConvertedEndpointSlice Convert(JsonElement manifest)
    {
        var metadata = KubernetesJson.Member(manifest, "metadata");
        var space = TextOf(metadata, "namespace") is { Length: > 0 } given ? given : "default";
        var name = TextOf(metadata, "name") ?? "";
        var errors = ImmutableArray.CreateBuilder<string>();
        var service = TextOf(KubernetesJson.Member(metadata, "labels"), ServiceLabel);
        var slice = string.IsNullOrEmpty(service) ? null : new Resource<EndpointSliceSpec>
        {
            Kind = Kind,
            Metadata = new() { Name = name, Namespace = space, ResourceVersion = TextOf(metadata, "resourceVersion") },
            Spec = new()
            {
                Service = service,
                Addresses = [.. Read(manifest, "endpoints", errors, (endpoint, field) => Addresses(endpoint, field, errors))
                    .SelectMany(addresses => addresses).Distinct()],
                Ports = [.. Read(manifest, "ports", errors, Port).OfType<EndpointSlicePort>().Distinct()],
            },
        };
        return new(new(Kind, space, name), slice, errors.ToImmutable());
    }

    /// <summary>One that cannot be read leaves the others as they are.</summary>
    private static List<T> Read<T>(JsonElement manifest, string list, ImmutableArray<string>.Builder errors,
        Func<JsonElement, string, T> read)
    {
        var found = new List<T>();
        try
        {
            foreach (var (index, item) in KubernetesJson.Items(manifest, list, "slice").Index())
            {
                try
                {
                    found.Add(read(item, string.Create(CultureInfo.InvariantCulture, $"{list}[{index}]")));
                }
                catch (ConversionException e)
                {
                    errors.Add(e.Message);
                }
            }
        }
        catch (ConversionException e)
        {
            errors.Add(e.Message);
        }

        return found;
    }

    private static ImmutableArray<Cidr> Addresses(JsonElement endpoint, string field, ImmutableArray<string>.Builder errors)
    {
        var read = ImmutableArray.CreateBuilder<Cidr>();
        foreach (var item in KubernetesJson.Items(endpoint, "addresses", field))
        {
            if (item.ValueKind == JsonValueKind.String && Cidr.TryParse(item.GetString(), out var address) && address.IsHost)
            {
                read.Add(address);
            }
            else
            {
                errors.Add($"{field}.addresses: {item.GetRawText()} is no address");
            }
        }

        return read.ToImmutable();
    }

    /// <returns>Null: it has no number.</returns>
    private static EndpointSlicePort? Port(JsonElement port, string field)
    {
        byte protocol = TextOf(port, "protocol") switch
        {
            null or "TCP" => 6,
            "UDP" => 17,
            "SCTP" => 132,
            var other => throw new ConversionException($"{field}.protocol: \"{other}\" is unknown"),
        };
        var number = KubernetesJson.Member(port, "port");
        return number.ValueKind == JsonValueKind.Undefined ? null
            : number.ValueKind == JsonValueKind.Number && number.TryGetUInt16(out var value) && value > 0 ? new(protocol, value)
            : throw new ConversionException($"{field}.port: 1-65535 is expected");
    }

    private static string? TextOf(JsonElement of, string name) =>
        KubernetesJson.Member(of, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;
}
