using System.Text.Json;

namespace Calico.Shim;

/// <summary>The two facts of a network configuration that the shim needs when it has to answer alone.</summary>
/// <param name="Version"><c>cniVersion</c>, or empty.</param>
/// <param name="IpamType"><c>ipam.type</c>, or empty.</param>
internal readonly record struct Peek(string Version, string IpamType)
{
    /// <summary>What cannot be read counts as absent: the host reports broken configurations, with the place.</summary>
    public static Peek At(ReadOnlySpan<byte> configuration)
    {
        string version = "", ipamType = "";
        try
        {
            var reader = new Utf8JsonReader(configuration);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return new("", "");
            }

            var inIpam = false;
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.EndObject)
                {
                    inIpam = false;
                    continue;
                }

                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                var isVersion = !inIpam && reader.ValueTextEquals("cniVersion"u8);
                var isType = inIpam && reader.ValueTextEquals("type"u8);
                var isIpam = !inIpam && reader.ValueTextEquals("ipam"u8);
                reader.Read();
                if (reader.TokenType == JsonTokenType.String && isVersion)
                {
                    version = reader.GetString()!;
                }
                else if (reader.TokenType == JsonTokenType.String && isType)
                {
                    ipamType = reader.GetString()!;
                }
                else if (reader.TokenType == JsonTokenType.StartObject && isIpam)
                {
                    inIpam = true;
                }
                else
                {
                    reader.Skip();
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return new(version, ipamType);
        }

        return new(version, ipamType);
    }
}
