using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Calico.Plugins.Mesos.NetModules;

/// <summary>The <c>args</c> of a command, checked in the order and the words of 2016.</summary>
/// <remarks>Then whatever is empty counted as missing: "", 0, [], null.</remarks>
internal readonly struct Arguments(JsonElement args)
{
    /// <summary>A text that has to be there.</summary>
    public string Text(string name)
    {
        if (IsMissing(name))
        {
            throw new NetModulesException($"Missing {name}");
        }

        return args.GetProperty(name) is { ValueKind: JsonValueKind.String } value
            ? value.GetString()!
            : throw new NetModulesException($"{name} must be a string");
    }

    /// <summary>Present, and more is not asked of it.</summary>
    public void Expect(string name)
    {
        if (IsMissing(name))
        {
            throw new NetModulesException($"Missing {name}");
        }
    }

    /// <summary>Null: it is missing.</summary>
    public string? TextOrNull(string name) => IsMissing(name) ? null : Text(name);

    /// <summary>A process id, also as digits in a text.</summary>
    public int Pid(string name)
    {
        Expect(name);
        var value = args.GetProperty(name);
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)
            || value.ValueKind == JsonValueKind.String && int.TryParse(value.GetString(), out number)
            ? number
            : throw new NetModulesException($"{name} must be an integer");
    }

    /// <summary>How many; 0 is not missing.</summary>
    public int Count(string name)
    {
        if (!args.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            throw new NetModulesException($"Missing {name}");
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= 0
            ? number
            : throw new NetModulesException($"{name} must be an integer");
    }

    /// <summary>Addresses of both families, IPv4 first; one at least.</summary>
    public ImmutableArray<IPAddress> AddressesOfBoth()
    {
        ImmutableArray<IPAddress> both =
            [.. Addresses("ipv4_addrs", AddressFamily.InterNetwork), .. Addresses("ipv6_addrs", AddressFamily.InterNetworkV6)];
        return both.IsEmpty ? throw new NetModulesException("Must provide at least one IPv4 or IPv6 address.") : [.. both.Distinct()];
    }

    /// <summary>Of both families in one list.</summary>
    public ImmutableArray<IPAddress> Addresses(string name) => [.. Addresses(name, null).Distinct()];

    /// <summary>Names of groups.</summary>
    public ImmutableArray<string> Netgroups()
    {
        if (!args.TryGetProperty("netgroups", out var value) || value.ValueKind != JsonValueKind.Array
            || value.EnumerateArray().Any(g => g.ValueKind != JsonValueKind.String))
        {
            throw new NetModulesException("Must provide list of netgroups.");
        }

        return [.. value.EnumerateArray().Select(g => g.GetString()!).Distinct()];
    }

    /// <summary>A list of objects with key and value on the wire; an object of them in the documentation, and read too.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Labels()
    {
        if (IsMissing("labels"))
        {
            return [];
        }

        return args.GetProperty("labels") switch
        {
            { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(Label)],
            { ValueKind: JsonValueKind.Object } map => [.. map.EnumerateObject().Select(l => KeyValuePair.Create(l.Name, TextOf(l.Value)))],
            var other => throw new NetModulesException($"labels must be a list of objects with key and value, not: {other.GetRawText()}"),
        };
    }

    private static KeyValuePair<string, string> Label(JsonElement label) => label.ValueKind == JsonValueKind.Object
        && label.TryGetProperty("key", out var key) && key.ValueKind == JsonValueKind.String
        ? KeyValuePair.Create(key.GetString()!, label.TryGetProperty("value", out var value) ? TextOf(value) : "")
        : throw new NetModulesException($"a label has a key and a value, this has not: {label.GetRawText()}");

    private static string TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Null => "",
        _ => value.GetRawText(),
    };

    private List<IPAddress> Addresses(string name, AddressFamily? family)
    {
        if (IsMissing(name))
        {
            return [];
        }

        var value = args.GetProperty(name);
        return value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(a => Address(TextOf(a), family))]
            : throw new NetModulesException($"IP addresses must be provided as JSON list, not: {value.GetRawText()}");
    }

    public static IPAddress Address(string text, AddressFamily? family)
    {
        if (!IPAddress.TryParse(text, out var address)
            || (address.AddressFamily == AddressFamily.InterNetwork ? text.Count(c => c == '.') != 3 : address.ScopeId != 0
                || address.IsIPv4MappedToIPv6))
        {
            throw new NetModulesException($"IP address could not be parsed: {text}");
        }

        if (family is { } asked && asked != address.AddressFamily)
        {
            var (wrong, field) = asked == AddressFamily.InterNetwork ? ("IPv6", "IPv4") : ("IPv4", "IPv6");
            throw new NetModulesException($"{wrong} address must not be placed in {field} address field.");
        }

        return address;
    }

    private bool IsMissing(string name) => !args.TryGetProperty(name, out var value) || value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.String => value.GetString()!.Length == 0,
        JsonValueKind.Number => value.TryGetDouble(out var number) && number == 0,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };
}
