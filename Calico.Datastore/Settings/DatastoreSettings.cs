using Calico.Datastore.Etcd;

namespace Calico.Datastore.Settings;

/// <summary>Which datastore, and how to reach it: the same settings mean the same one to every program.</summary>
public sealed record DatastoreSettings
{
    private static readonly SettingRule<DatastoreSettings>[] Rules =
    [
        new(nameof(EtcdEndpoints), s => !EtcdOptions.NamesNone(s.EtcdEndpoints), "a comma list of etcd URLs, or not set"),
        new(nameof(EtcdEndpoints), s => !s.EtcdEndpoints.Contains('@', StringComparison.Ordinal),
            "without user and password, which ETCD_USERNAME and ETCD_PASSWORD are for"),
        new(nameof(EtcdEndpoints), s => EtcdOptions.AreEndpoints(s.EtcdEndpoints),
            "a comma list of http://host:port, https://host:port or unix:///path"),
        new(nameof(EtcdEndpoints), s => s.IsEmbedded || s.EtcdEndpoints.Length > 0,
            "a comma list of etcd URLs, since DATASTORE_TYPE is etcdv3"),
        new(nameof(EtcdKeyFile), s => s.EtcdKeyFile.Length > 0 == s.EtcdCertFile.Length > 0, "set together with ETCD_CERT_FILE"),
    ];

    // Upstream serves these. To pass them over would be to reach another datastore, or the same one with less trust.
    private static readonly (SettingAttribute Setting, string Instead)[] Refused =
    [
        (new("ETCD_DISCOVERY_SRV", "datastore.etcd.discoverySrv", "") { ClientName = "etcdDiscoverySrv" },
            "list the endpoints in ETCD_ENDPOINTS"),
        (new("ETCD_KEY", "datastore.etcd.key", "") { ClientName = "etcdKey" }, "put it into a file and name that in ETCD_KEY_FILE"),
        (new("ETCD_CERT", "datastore.etcd.cert", "") { ClientName = "etcdCert" }, "put it into a file and name that in ETCD_CERT_FILE"),
        (new("ETCD_CA_CERT", "datastore.etcd.caCert", "") { ClientName = "etcdCACert" },
            "put it into a file and name that in ETCD_CA_CERT_FILE"),
    ];

    [Setting("DATASTORE_TYPE", "datastore.type", "Where resources live; empty: etcdv3 if etcd's endpoints are given, else embedded.",
        Choices = "embedded|etcdv3", ClientName = "datastoreType")]
    public string Type { get; init; } = "";

    [Setting("ETCD_ENDPOINTS", "datastore.etcd.endpoints", "Comma list of etcd URLs.", ClientName = "etcdEndpoints")]
    public string EtcdEndpoints { get; init; } = "";

    [Setting("ETCD_CA_CERT_FILE", "datastore.etcd.caCertFile", "Certificate authority of etcd, PEM.", ClientName = "etcdCACertFile")]
    public string EtcdCaCertFile { get; init; } = "";

    [Setting("ETCD_CERT_FILE", "datastore.etcd.certFile", "Client certificate for etcd, PEM.", ClientName = "etcdCertFile")]
    public string EtcdCertFile { get; init; } = "";

    [Setting("ETCD_KEY_FILE", "datastore.etcd.keyFile", "Key of the client certificate, PEM.", ClientName = "etcdKeyFile")]
    public string EtcdKeyFile { get; init; } = "";

    [Setting("ETCD_USERNAME", "datastore.etcd.username", "User of etcd.", ClientName = "etcdUsername")]
    public string EtcdUsername { get; init; } = "";

    [Setting("ETCD_PASSWORD", "datastore.etcd.password", "Password of that user.", ClientName = "etcdPassword")]
    public Secret? EtcdPassword { get; init; }

    /// <summary>Whether resources live in the host's own store. What is said counts; where nothing is, endpoints of etcd mean etcd: a
    /// program that used another datastore than its neighbour would show an empty cluster, or make one.</summary>
    public bool IsEmbedded => Type.Length > 0 ? Type == DatastoreType.Embedded : EtcdEndpoints.Length == 0;

    /// <summary>Reads them; what is wrong stays with the reader.</summary>
    public static DatastoreSettings Read(SettingsReader reader)
    {
        var settings = reader.Read(Rules);
        foreach (var (setting, instead) in Refused)
        {
            reader.Refuse(setting, instead);
        }

        return settings;
    }

    /// <summary>How to reach etcd; not for the embedded store.</summary>
    public EtcdOptions ToEtcd() => new()
    {
        Endpoints = EtcdOptions.ParseEndpoints(EtcdEndpoints, "ETCD_ENDPOINTS"),
        CaFile = Optional(EtcdCaCertFile),
        CertFile = Optional(EtcdCertFile),
        KeyFile = Optional(EtcdKeyFile),
        Username = Optional(EtcdUsername),
        Password = EtcdPassword,
    };

    private static string? Optional(string text) => text.Length == 0 ? null : text;
}
