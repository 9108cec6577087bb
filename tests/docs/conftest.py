"""Tests of pages open them in headless Chromium."""

from chromium import browser as browser
from chromium import visit as visit
