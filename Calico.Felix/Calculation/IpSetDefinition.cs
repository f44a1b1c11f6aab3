using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Calico.Datastore.Selectors;

namespace Calico.Felix.Calculation;

/// <summary>What an IP set holds.</summary>
/// <param name="Id">Upstream's form: <c>s:...</c> for a selector, <c>n:...</c> for a named port, <c>svc:...</c> and
/// <c>svcnoport:...</c> for a Service.</param>
/// <param name="Selector">Whose addresses; null: a Service's endpoints.</param>
/// <param name="Port">Only where this port is defined, and with it; null: addresses alone.</param>
/// <param name="Protocol">Only ports of this protocol; null: any.</param>
internal sealed record IpSetDefinition(string Id, Selector? Selector, string? Port, byte? Protocol)
{
    /// <summary>Of 43 base64 characters: 168 bits, so that two definitions never share a set.</summary>
    private const int HashBytes = 21;

    /// <summary>Whose endpoints it holds; null: a selector's.</summary>
    public ServiceName? Service { get; private init; }

    /// <summary>Whether its members are addresses with protocol and port.</summary>
    public bool HasPorts { get; private init; }

    public static IpSetDefinition Of(Selector selector) => new(selector.Id, selector, null, null);

    public static IpSetDefinition Of(Selector selector, string port, byte? protocol) =>
        new("n:" + Hash($"{selector.Id},{protocol},{port}"), selector, port, protocol) { HasPorts = true };

    /// <summary>The endpoints of a Service.</summary>
    public static IpSetDefinition Of(ServiceName service, bool hasPorts) =>
        new((hasPorts ? "svc:" : "svcnoport:")
            + Hash(string.Create(CultureInfo.InvariantCulture, $"{service.Namespace.Length} {service.Namespace} {service.Name}")), null,
            null, null) { Service = service, HasPorts = hasPorts };

    private static string Hash(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, HashBytes));
}
