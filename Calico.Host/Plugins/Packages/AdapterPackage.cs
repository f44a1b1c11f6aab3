using System.IO.Compression;
using System.Security.Cryptography;
using Calico.Host.Commands;
using NuGet.Packaging;
using NuGet.Packaging.Core;
using NuGet.Packaging.Signing;

namespace Calico.Host.Plugins.Packages;

/// <summary>A NuGet package with an adapter under <c>plugin/</c>.</summary>
internal static class AdapterPackage
{
    private const string Root = "plugin/";

    /// <summary>Far more than an adapter has; a package that was made to fill the disk has more.</summary>
    private const long MostBytes = 512L << 20;
    private const int MostFiles = 5000;

    /// <summary>Of the description of a package, which is read as a whole.</summary>
    private const long MostDescription = 1L << 20;

    /// <summary>Lays the adapter's files down in an empty folder and returns what the package says of itself.</summary>
    /// <param name="path">A file.</param>
    /// <param name="package">What a message calls it.</param>
    /// <param name="folder">Exists, is empty.</param>
    /// <param name="requireSignature">A package without a signature that this machine trusts is refused.</param>
    /// <param name="ct">Ends it; what was laid down stays for the caller to remove.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> no package, none of an adapter, or one that reaches outside its
    /// folder; <see cref="Problem.Refused"/> its signature.</exception>
    public static async Task<(PackageIdentity Identity, string Sha512)> UnpackAsync(string path, string package, string folder,
        bool requireSignature, CancellationToken ct)
    {
        try
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            using var archive = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true);
            if (archive.Entries.FirstOrDefault(e => e.FullName.EndsWith(".nuspec", StringComparison.OrdinalIgnoreCase)
                && e.Length > MostDescription) is { } description)
            {
                throw Bad($"{package}: {description.FullName} is longer than {MostDescription >> 10} KiB");
            }

            file.Position = 0;
            var hash = Convert.ToBase64String(await SHA512.HashDataAsync(file, ct));
            file.Position = 0;
            using var reader = new PackageArchiveReader(file, leaveStreamOpen: true);
            var identity = await reader.GetIdentityAsync(ct);
            await CheckSignatureAsync(reader, package, requireSignature, ct);
            await ExtractAsync(archive, package, folder, ct);
            return (identity, hash);
        }
        catch (Exception e) when (e is InvalidDataException or PackagingException or System.Xml.XmlException or FormatException
            or ArgumentException or EndOfStreamException or NotSupportedException)
        {
            throw Bad($"{package} is no NuGet package, or a damaged one: {e.Message}", e);
        }
    }

    /// <summary>Before anything of an adapter is copied.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: more, or more of them, than an adapter has.</exception>
    public static void CheckSize(string source, IEnumerable<long> lengths)
    {
        var (count, left) = (0, MostBytes);
        foreach (var length in lengths)
        {
            // What a package says of its entries adds up to whatever somebody wished.
            if (++count > MostFiles || length > left)
            {
                throw Bad($"{source} has more than {MostFiles} files or {MostBytes >> 20} MiB; no adapter has");
            }

            left -= length;
        }
    }

    private static async Task ExtractAsync(ZipArchive archive, string package, string folder, CancellationToken ct)
    {
        var files = archive.Entries.Where(e => e.FullName.StartsWith(Root, StringComparison.Ordinal) && !e.FullName.EndsWith('/')).ToList();
        if (files.Count == 0)
        {
            throw Bad($"{package} has no plugin/ folder, so no adapter is in it: an adapter's package is made by dotnet pack of a project "
                + "that refers to Calico.Abstractions");
        }

        CheckSize(package, files.Select(f => f.Length));

        foreach (var entry in files)
        {
            var path = Path.GetFullPath(Path.Combine(folder, entry.FullName[Root.Length..]));
            if (!path.StartsWith(folder + "/", StringComparison.Ordinal) || entry.FullName.Contains('\\', StringComparison.Ordinal))
            {
                throw Bad($"{package}: the entry '{entry.FullName}' points outside the package");
            }

            Directory.CreateDirectory(Path.GetDirectoryName(path)!, AtomicFile.Folder);
            await using var from = entry.Open();
            await using var to = new FileStream(path,
                new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = AtomicFile.Readable });
            // What an entry says of its length is a claim.
            await CopyAsync(from, to, entry.Length, package, ct);
            to.Flush(flushToDisk: true);
        }
    }

    private static async Task CopyAsync(Stream from, FileStream to, long length, string package, CancellationToken ct)
    {
        var buffer = new byte[81920];
        for (int read; (read = await from.ReadAsync(buffer, ct)) > 0; length -= read)
        {
            if (read > length)
            {
                throw Bad($"{package}: an entry is longer than it says");
            }

            await to.WriteAsync(buffer.AsMemory(0, read), ct);
        }
    }

    private static async Task CheckSignatureAsync(PackageArchiveReader reader, string package, bool isRequired, CancellationToken ct)
    {
        if (!isRequired)
        {
            return;
        }

        if (!await reader.IsSignedAsync(ct))
        {
            throw new CalicoException(Problem.Refused,
                $"{package} is not signed, and CALICO_PLUGIN_SIGNATURES=required asks for signatures", "source");
        }

        var verifier = new PackageSignatureVerifier(
            [new IntegrityVerificationProvider(), new SignatureTrustAndValidityVerificationProvider()]);
        var result = await verifier.VerifySignaturesAsync(reader, SignedPackageVerifierSettings.GetRequireModeDefaultPolicy(), ct);
        if (!result.IsValid)
        {
            var reasons = result.Results.SelectMany(r => r.GetErrorIssues()).Select(i => i.Message).Distinct();
            throw new CalicoException(Problem.Refused,
                $"{package}: its signature is not one that this machine trusts: {string.Join("; ", reasons)}", "source");
        }
    }

    private static CalicoException Bad(string message, Exception? inner = null) => new(Problem.Invalid, message, "source", inner);
}
