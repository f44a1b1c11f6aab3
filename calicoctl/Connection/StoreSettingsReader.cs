using System.Text.Json.Nodes;
using Calico.Cli.Input;

namespace Calico.Cli.Connection;

/// <summary>Reads the settings from the configuration file, or where there is none from the environment, by upstream's names.</summary>
internal static class StoreSettingsReader
{
    internal const string DefaultFile = "/etc/calico/calicoctl.cfg";

    /// <param name="file">What <c>--config</c> says; null: the default, if it exists.</param>
    /// <param name="variable">Reads an environment variable.</param>
    internal static StoreSettings Read(string? file, Func<string, string?> variable)
    {
        var path = file ?? DefaultFile;
        if (File.Exists(path))
        {
            return Interpret(FromFile(path));
        }

        return file is null or DefaultFile
            ? Interpret(name => FromEnvironment(name, variable))
            : throw new CliException($"Error reading config file: {path}", toOutput: true);
    }

    private static StoreSettings Interpret(Func<string, string?> get)
    {
        var endpoints = (get("etcdEndpoints") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (endpoints.Length > 0 && get("etcdDiscoverySrv") is { Length: > 0 })
        {
            throw new CliException(
                "multiple discovery or bootstrap options specified, use either \"etcdEndpoints\" or \"etcdDiscoverySrv\"");
        }

        switch (get("datastoreType"))
        {
            case null or "" when endpoints.Length == 0:
            case "embedded":
                return new() { Embedded = true, Endpoints = [StoreSettings.EmbeddedEndpoint] };
            case null or "" or "etcdv3":
                break;
            case var other:
                throw new CliException($"datastore type '{other}' is not supported, expected one of: embedded, etcdv3");
        }

        if (endpoints.Length == 0)
        {
            throw new CliException("no etcd endpoints specified");
        }

        var inline = get("etcdKey") is { Length: > 0 } || get("etcdCert") is { Length: > 0 } || get("etcdCACert") is { Length: > 0 };
        var files = get("etcdKeyFile") is { Length: > 0 } || get("etcdCertFile") is { Length: > 0 } || get("etcdCACertFile") is { Length: > 0 };
        if (inline && files)
        {
            throw new CliException("Cannot mix inline certificate-key and certificate / key files");
        }

        return new()
        {
            Endpoints = endpoints,
            Username = get("etcdUsername"),
            Password = get("etcdPassword"),
            CaCertificate = inline ? get("etcdCACert") : get("etcdCACertFile"),
            Certificate = inline ? get("etcdCert") : get("etcdCertFile"),
            Key = inline ? get("etcdKey") : get("etcdKeyFile"),
        };
    }

    private static Func<string, string?> FromFile(string path)
    {
        JsonNode? document;
        try
        {
            document = YamlReader.Parse(File.ReadAllText(path)).FirstOrDefault();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"Error reading config file: {path}: {e.Message}", toOutput: true);
        }

        var kind = (document as JsonObject)?["kind"]?.ToString();
        return kind == "CalicoAPIConfig"
            ? name => ((document as JsonObject)?["spec"] as JsonObject)?[name]?.ToString()
            : throw new CliException($"invalid config file {path}: expected kind 'CalicoAPIConfig', got '{kind}'");
    }

    private static string? FromEnvironment(string name, Func<string, string?> variable)
    {
        var upper = name switch
        {
            "datastoreType" => "DATASTORE_TYPE",
            "etcdEndpoints" => "ETCD_ENDPOINTS",
            "etcdDiscoverySrv" => "ETCD_DISCOVERY_SRV",
            "etcdUsername" => "ETCD_USERNAME",
            "etcdPassword" => "ETCD_PASSWORD",
            "etcdKeyFile" => "ETCD_KEY_FILE",
            "etcdCertFile" => "ETCD_CERT_FILE",
            "etcdCACertFile" => "ETCD_CA_CERT_FILE",
            "etcdKey" => "ETCD_KEY",
            "etcdCert" => "ETCD_CERT",
            "etcdCACert" => "ETCD_CA_CERT",
            _ => null,
        };
        return upper is null ? null : variable("CALICO_" + upper) is { Length: > 0 } prefixed ? prefixed : variable(upper);
    }
}
