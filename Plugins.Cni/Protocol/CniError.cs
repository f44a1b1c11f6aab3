using System.Text;
using System.Text.Json;

namespace Calico.Plugins.Cni.Protocol;

/// <summary>CNI's error object, and the one place where the host's problems become its codes.</summary>
internal sealed record CniError(int Code, string Message, string Details)
{
    /// <param name="error">What ended the call.</param>
    /// <param name="verb">CNI_COMMAND: the same problem has another code on CHECK.</param>
    public static CniError From(Exception error, string verb) => error switch
    {
        CniException e => new(e.Code, e.Message, e.Details),
        CalicoException e => new(CodeOf(e, FieldOf(e.Path), verb), TextOf(e, FieldOf(e.Path)), e.InnerException?.Message ?? ""),
        OperationCanceledException => new(CniCode.TryAgainLater,
            "the call was ended before it was done: the host is stopping, or who called has gone; try again later", ""),
        // Not one of ours: a bug. The server logs it under this text; the runtime gets something to look for.
        _ => new(CniCode.Calico, $"internal error: {error.GetType().Name}", error.Message),
    };

    /// <summary>Reads the error object that a delegate printed.</summary>
    /// <returns>Null when it printed something else.</returns>
    public static CniError? Read(ReadOnlyMemory<byte> output)
    {
        try
        {
            using var document = JsonDocument.Parse(output);
            var root = document.RootElement;
            return root.ValueKind == JsonValueKind.Object && root.TryGetProperty("code"u8, out var code)
                && code.ValueKind == JsonValueKind.Number && code.TryGetInt32(out var number)
                ? new CniError(number, TextAt(root, "msg"u8), TextAt(root, "details"u8))
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a text that is not UTF-8.
            return null;
        }
    }

    /// <param name="version">The configuration's, also one that we do not speak.</param>
    public byte[] ToJson(string version)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("cniVersion"u8, version);
            writer.WriteNumber("code"u8, Code);
            writer.WriteString("msg"u8, Message);
            if (Details.Length > 0)
            {
                writer.WriteString("details"u8, Details);
            }

            writer.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    /// <summary>The host names the fields of its contracts; whoever reads this knows CNI's.</summary>
    private static string? FieldOf(string? path) => path switch
    {
        "placement.interfaceName" or "id.endpoint" => "CNI_IFNAME",
        "placement.namespace" => "CNI_NETNS",
        "instance" => "CNI_CONTAINERID",
        "unmanaged" or "leased" or "claim" => "ipam",
        _ when path?.StartsWith("claim.", StringComparison.Ordinal) == true => "ipam",
        _ => path,
    };

    private static int CodeOf(CalicoException e, string? field, string verb) => e.Problem switch
    {
        Problem.Invalid when field?.StartsWith("CNI_", StringComparison.Ordinal) == true => CniCode.InvalidEnvironment,
        Problem.Invalid => CniCode.InvalidConfiguration,
        Problem.NotFound when verb == "CHECK" => CniCode.UnknownContainer,
        // A pool that does not exist is a wrong field, not a missing container.
        Problem.NotFound when field is not null => CniCode.InvalidConfiguration,
        Problem.Conflict or Problem.Unavailable => CniCode.TryAgainLater,
        Problem.Unsupported when field is not null => CniCode.UnsupportedField,
        _ => CniCode.Calico,
    };

    private static string TextOf(CalicoException e, string? field)
    {
        var text = new StringBuilder();
        if (field is not null)
        {
            text.Append(field).Append(": ");
        }
        // Upstream's prefix; scripts look for it. A disk can be exhausted too, so it has to be addresses that ran out.
        if (e.Problem == Problem.Exhausted && FamilyOf(e.Message) is { } family)
        {
            text.Append("failed to request ").Append(family).Append(" addresses: ");
        }

        return text.Append(e.Message).ToString();
    }

    private static string? FamilyOf(string message) =>
        message.Contains("requested IPv4 addresses", StringComparison.Ordinal) ? "IPv4"
        : message.Contains("requested IPv6 addresses", StringComparison.Ordinal) ? "IPv6"
        : null;

    private static string TextAt(JsonElement root, ReadOnlySpan<byte> name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}
