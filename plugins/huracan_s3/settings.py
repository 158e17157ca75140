"""What can be set in ``remote: {name: s3}``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from huracan.config import Section, SettingsPath

__all__ = ["S3Settings"]

_NO_SECRET = SecretStr("")


class S3Settings(Section):
    """A bucket of Amazon S3, or of a service that speaks its protocol: MinIO, R2, B2, Wasabi, Ceph ..."""

    name: Literal["s3"] = Field("s3", description="A bucket of any service that speaks S3.")
    bucket: str = Field("huracan", min_length=3, max_length=63, description="The bucket; it must exist.")
    prefix: str = Field("", description="What every key begins with, as huracan/; empty: the bucket is ours alone.")
    endpoint: str = Field("", description="The service's URL; empty: Amazon's own.")
    region: str = Field("", description="The region, where the service has some; empty: as the AWS configuration says.")
    access_key: SecretStr = Field(
        _NO_SECRET, description="The access key id; empty: as the AWS configuration or the machine's role says."
    )
    secret_key: SecretStr = Field(_NO_SECRET, description="The secret access key that belongs to access_key.")
    ca_file: SettingsPath | None = Field(None, description="Certificates to trust in place of the usual ones, PEM.")
    timeout_seconds: float = Field(60.0, gt=0, le=600, description="Longest silence of one request, seconds.")
    attempts: int = Field(5, ge=1, le=20, description="How often a request is made before the store counts as away.")
