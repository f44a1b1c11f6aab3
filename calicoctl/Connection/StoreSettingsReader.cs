using System.Text.Json.Nodes;
using Calico.Cli.Input;
using Calico.Datastore.Etcd;

namespace Calico.Cli.Connection;

/// <summary>Reads the settings from the configuration file, or where there is none from the environment, by upstream's names.</summary>
internal static class StoreSettingsReader
{
    internal const string DefaultFile = "/etc/calico/calicoctl.cfg";

    private static readonly string[] InlineNames = ["etcdKey", "etcdCert", "etcdCACert"];
    private static readonly string[] FileNames = ["etcdKeyFile", "etcdCertFile", "etcdCACertFile"];

    /// <param name="file">What <c>--config</c> says; null: the default, if it exists.</param>
    /// <param name="environment">Its variables, and where the embedded store is.</param>
    internal static StoreSettings Read(string? file, CliEnvironment environment)
    {
        var path = file ?? DefaultFile;
        if (File.Exists(path))
        {
            return Interpret(FromFile(path), $"etcdEndpoints in {path}", environment.StoreSocket);
        }

        return file is null or DefaultFile
            ? Interpret(name => FromEnvironment(name, environment.Variable), "ETCD_ENDPOINTS", environment.StoreSocket)
            : throw new CliException($"Error reading config file: {path}");
    }

    private static StoreSettings Interpret(Func<string, string?> get, string origin, string storeSocket)
    {
        var endpoints = EtcdOptions.ParseEndpoints(get("etcdEndpoints") ?? "", origin);
        if (endpoints.Length > 0 && get("etcdDiscoverySrv") is { Length: > 0 })
        {
            throw new CliException(
                "multiple discovery or bootstrap options specified, use either \"etcdEndpoints\" or \"etcdDiscoverySrv\"");
        }

        switch (DatastoreChoice.Resolve(get("datastoreType"), endpoints.Length > 0))
        {
            case DatastoreChoice.Embedded:
                return new() { Embedded = true, Endpoints = [storeSocket] };
            case DatastoreChoice.Etcd:
                break;
            case var other:
                throw new CliException($"datastore type '{other}' is not supported, expected one of: embedded, etcdv3");
        }

        if (endpoints.Length == 0)
        {
            throw new CliException("no etcd endpoints specified");
        }

        if (InlineNames.Any(name => get(name) is { Length: > 0 }))
        {
            throw new CliException(FileNames.Any(name => get(name) is { Length: > 0 })
                ? "Cannot mix inline certificate-key and certificate / key files"
                : "inline certificates are not supported, use etcdKeyFile, etcdCertFile and etcdCACertFile");
        }

        return new()
        {
            Endpoints = endpoints,
            Origin = origin,
            Username = get("etcdUsername"),
            Password = get("etcdPassword") is { Length: > 0 } password ? new(password) : null,
            CaFile = get("etcdCACertFile"),
            CertFile = get("etcdCertFile"),
            KeyFile = get("etcdKeyFile"),
        };
    }

    private static Func<string, string?> FromFile(string path)
    {
        JsonNode? document;
        try
        {
            document = YamlReader.Parse(File.ReadAllText(path)) is [var first, ..] ? first : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException($"Error reading config file: {path}: {e.Message}");
        }

        var kind = (document as JsonObject)?["kind"]?.ToString();
        if (kind != "CalicoAPIConfig")
        {
            throw new CliException($"invalid config file {path}: expected kind 'CalicoAPIConfig', got '{kind}'");
        }

        var spec = (document as JsonObject)?["spec"] as JsonObject;
        return name => spec?[name]?.ToString();
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
        if (upper is null)
        {
            return null;
        }

        var prefixed = variable("CALICO_" + upper);
        return string.IsNullOrEmpty(prefixed) ? variable(upper) : prefixed;
    }
}
