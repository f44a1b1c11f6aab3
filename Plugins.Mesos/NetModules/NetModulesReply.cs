using System.Buffers;
using System.Collections.Immutable;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Calico.Plugins.Mesos.Containers;
using Calico.Shim.Wire;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>Replies as net-modules reads them: 40,960 bytes at most, <c>error</c> null or a text.</summary>
internal static class NetModulesReply
{
    /// <summary>What its buffer holds (network_isolator.cpp of net-modules).</summary>
    public const int MaxBytes = 40960;

    /// <summary>Every character may become six bytes.</summary>
    private const int MaxError = 4096;

    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static ShimReply Done { get; } = Write(0, _ => { }, null);

    public static ShimReply Addresses(ImmutableArray<IPAddress> addresses) => Write(0, json =>
    {
        WriteList(json, "ipv4", addresses.Where(AddressLeases.IsIpv4));
        WriteList(json, "ipv6", addresses.Where(a => !AddressLeases.IsIpv4(a)));
    }, null);

    public static ShimReply Error(string text) => Write(1, _ => { }, text.Length > MaxError ? text[..MaxError] + "…" : text);

    /// <summary>Of the words of Mesos 0.23, which no JSON was for.</summary>
    public static ShimReply Plain(byte exitCode, string text) =>
        new(exitCode, Encoding.UTF8.GetBytes(text.Length == 0 ? "" : (text.Length > MaxError ? text[..MaxError] : text) + "\n"));

    private static ShimReply Write(byte exitCode, Action<Utf8JsonWriter> content, string? error)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            content(json);
            json.WriteString("error", error);
            json.WriteEndObject();
        }

        return new(exitCode, buffer.WrittenMemory);
    }

    private static void WriteList(Utf8JsonWriter json, string name, IEnumerable<IPAddress> addresses)
    {
        json.WriteStartArray(name);
        foreach (var address in addresses)
        {
            json.WriteStringValue(address.ToString());
        }

        json.WriteEndArray();
    }
}
