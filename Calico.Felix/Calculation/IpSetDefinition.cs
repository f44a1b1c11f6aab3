using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Calico.Datastore.Selectors;

namespace Calico.Felix.Calculation;

/// <summary>What an IP set holds.</summary>
/// <param name="Id">Upstream's form: <c>s:...</c> for a selector, <c>n:...</c> for a named port.</param>
/// <param name="Selector">Whose addresses.</param>
/// <param name="Port">Only where this port is defined, and with it; null: addresses alone.</param>
/// <param name="Protocol">Only ports of this protocol; null: any.</param>
internal sealed record IpSetDefinition(string Id, Selector Selector, string? Port, byte? Protocol)
{
    public static IpSetDefinition Of(Selector selector) => new(selector.Id, selector, null, null);

    public static IpSetDefinition Of(Selector selector, string port, byte? protocol)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{selector.Id},{protocol},{port}"));
        return new("n:" + Base64Url.EncodeToString(hash.AsSpan(0, 21)), selector, port, protocol);
    }
}
